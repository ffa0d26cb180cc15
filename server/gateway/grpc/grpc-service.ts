/**
 * The services as grpc-js wants them, from their .proto files. Messages reach the handlers as bytes: what is malformed can be answered
 * with a reason only there.
 */
import { join } from 'node:path';
import { status, type handleUnaryCall, type MethodDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { PROJECT_ROOT } from '../../paths.js';
import { TensorError } from '../../../runtimes/tensor.js';
import { answerMetadata, callerOf, requestIdIn, type GrpcOptions } from './grpc-call.js';
import { StatusError, statusOf } from './grpc-status.js';
import { assertWellFormed } from './protobuf-reader.js';

type Definition = ServiceDefinition;

/** The files lie beside this one's source in every installation. */
const FOLDER = join(PROJECT_ROOT, 'server', 'gateway', 'grpc');

/** What a .proto file defines, by its full names. @throws Error for a file that is not there */
export const loadProto = (file: string): PackageDefinition => loadSync(join(FOLDER, file), { keepCase: true, defaults: true });

/** @throws Error for a service that is not there */
export function serviceOf(file: PackageDefinition, name: string): Definition {
  const loaded = file[name];
  if (!loaded || 'format' in loaded) throw new Error(`the .proto file has no service "${name}"`);
  return loaded as Definition;
}

/** Leaves requests as they come, and the answers of the named methods as they are. */
export function withRawRequests(service: Definition, rawAnswers: readonly string[] = []): Definition {
  const asIs = (message: unknown): Buffer => message as Buffer;
  const methods = Object.entries(service).map(([name, method]) => [
    name,
    { ...method, requestDeserialize: asIs, ...(rawAnswers.includes(name) && { responseSerialize: asIs }) },
  ]);
  return Object.fromEntries(methods) as Definition;
}

/** @throws TensorError for bytes that are not the method's request */
export function readRequest<T>(method: MethodDefinition<unknown, unknown>, message: Buffer): T {
  try {
    // The library's decoder stops at the end of the bytes, however long a text says that it is.
    assertWellFormed(message);
    return method.requestDeserialize(message) as T;
  } catch (error) {
    throw new TensorError(`the message is not a valid request of ${method.path}: ${(error as Error).message}`);
  }
}

/** Methods that are answered without a token, as health is over REST. */
const OPEN = new Set([
  '/inference.GRPCInferenceService/ServerLive',
  '/inference.GRPCInferenceService/ServerReady',
  '/inference.GRPCInferenceService/ModelReady',
  '/grpc.health.v1.Health/Check',
  '/grpc.health.v1.Health/Watch',
]);

export const needsToken = (path: string): boolean => !OPEN.has(path);

/** A call that answers at once. @param answer may throw what `statusOf` knows */
export function unary<T>(options: GrpcOptions, method: MethodDefinition<unknown, unknown>, answer: (request: T) => object): handleUnaryCall<Buffer, object> {
  return (rpc, callback) => {
    const requestId = requestIdIn(rpc);
    try {
      if (needsToken(method.path)) callerOf(rpc, options.gate);
      if (rpc.request.length > MAX_SMALL_REQUEST)
        throw new StatusError(status.INVALID_ARGUMENT, `the request has ${rpc.request.length} bytes; the limit is ${MAX_SMALL_REQUEST}`);
      const message = answer(readRequest<T>(method, rpc.request));
      rpc.sendMetadata(answerMetadata(requestId));
      callback(null, message);
    } catch (error) {
      callback(statusOf(error, requestId, options));
    }
  };
}

/** Names and a flag or two. */
export const MAX_SMALL_REQUEST = 64 * 1024;
