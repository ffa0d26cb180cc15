/** Inferences over gRPC: one a call (ModelInfer), or many on one stream (ModelStreamInfer). */
import { type handleUnaryCall, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { encodeBase64 } from '../../../runtimes/open-inference/content-type.js';
import { elementCount, type Tensor } from '../../../runtimes/tensor.js';
import { asRefusal, GatewayError } from '../gateway-error.js';
import { MAX_ELEMENTS_WRITTEN_HERE } from '../limits.js';
import type { Call } from '../dispatch/call.js';
import { classifiedElements, classify } from '../text/classification.js';
import { answerMetadata, beginCall, callerOf, cancelUnlessLate, encodingOf, requestIdIn, type GrpcOptions } from './grpc-call.js';
import { readAddress, readInferRequest, type GrpcInferRequest, type InferAddress, type RequestedOutput } from './grpc-infer-request.js';
import { inferResponse } from './grpc-infer-response.js';
import { statusOf } from './grpc-status.js';
import { holdUntilEnd } from './grpc-unread.js';
import type { WireMessage } from './grpc-wire-message.js';
import { assertName, versionOf } from '../protocols/model-name.js';

/** What is smaller is not compressed: it would grow. */
const WORTH_COMPRESSING = 1_024;

export function modelInfer(options: GrpcOptions): handleUnaryCall<Buffer, WireMessage> {
  return (rpc, callback) => {
    const requestId = requestIdIn(rpc);
    let call: Call;
    try {
      call = beginCall(rpc, options, requestId, callerOf(rpc, options.gate), rpc.request.length);
    } catch (error) {
      return fail(error, requestId, options, callback);
    }
    rpc.once('cancelled', () => cancelUnlessLate(rpc, call));
    answer(rpc, call, options).then(
      (message) => {
        callback(null, message);
        call.end();
      },
      (error: unknown) => {
        fail(error, requestId, options, callback);
        call.end(error);
      },
    );
  };
}

async function answer(rpc: ServerUnaryCall<Buffer, WireMessage>, call: Call, options: GrpcOptions): Promise<WireMessage> {
  const address = addressOf(rpc.request);
  const { outputs, version, forms } = await infer(options, call, address, rpc.request);
  let message = inferResponse({ model: address.model, version, id: address.id, outputs, forms });
  holdUntilEnd(options.unread, rpc, call.context.caller, message.byteLength);
  const metadata = answerMetadata(call.context.requestId, version);
  const encoding = encodingOf(rpc);
  if (encoding !== undefined && message.byteLength >= WORTH_COMPRESSING) {
    message = await message.compress(encoding);
    metadata.set('grpc-encoding', encoding);
  }
  rpc.sendMetadata(metadata);
  return message;
}

function fail(error: unknown, requestId: string, options: GrpcOptions, callback: sendUnaryData<WireMessage>): void {
  // Where the caller is gone already, grpc-js drops it.
  callback(statusOf(error, requestId, options));
}

/** @throws GatewayError INVALID */
export function addressOf(message: Buffer): InferAddress {
  try {
    return readAddress(message);
  } catch (error) {
    throw asRefusal(error);
  }
}

/** What a request gets. */
export interface Inferred {
  readonly outputs: readonly Tensor[];
  readonly version: number;
  readonly forms: GrpcInferRequest['forms'];
  /** Whether the caller wants answers marked as the last one. */
  readonly finalResponseWanted: boolean;
}

/** @throws GatewayError */
export async function infer(options: GrpcOptions, call: Call, { model, version }: InferAddress, message: Buffer): Promise<Inferred> {
  assertName(model);
  let asked!: GrpcInferRequest;
  const answer = await options.dataPlane.infer(call, model, version === '' ? undefined : versionOf(version), () => {
    asked = readInferRequest(message);
    return asked.request;
  });
  const { forms, finalResponseWanted } = asked;
  const { outputs } = answer.response;
  const special = forms?.some(({ classes, base64 }) => classes > 0 || base64);
  return { outputs: special ? formed(outputs, forms!) : outputs, version: answer.version, forms, finalResponseWanted };
}

/** In the gateway's own thread, and so only where that takes no time that another caller would notice. */
function formed(outputs: readonly Tensor[], forms: readonly RequestedOutput[]): Tensor[] {
  const classesOf = (i: number) => forms[i]!.classes;
  const base64 = outputs.find(({ shape }, i) => forms[i]!.base64 && elementCount(shape) > MAX_ELEMENTS_WRITTEN_HERE);
  if (base64) {
    const { name, shape } = base64;
    const limit = `base64 over gRPC is limited to ${MAX_ELEMENTS_WRITTEN_HERE} elements`;
    throw new GatewayError('INVALID', `output "${name}" has shape [${shape.join(', ')}]; ${limit}. Ask for the output without "content_type"`);
  }
  const work = outputs.reduce((sum, output, i) => sum + (classesOf(i) > 0 ? classifiedElements(output, classesOf(i)) : 0), 0);
  if (work > MAX_ELEMENTS_WRITTEN_HERE) {
    const large = outputs.filter((_, i) => classesOf(i) > 0).map(({ name, shape }) => `"${name}" [${shape.join(', ')}]`);
    throw new GatewayError('INVALID', `too much to classify over gRPC: ${large.join(', ')}; ask for fewer classes or rows, or for the tensor itself`);
  }
  try {
    return outputs.map((output, i) => {
      if (forms[i]!.base64) return encodeBase64(output, `output "${output.name}"`);
      return classesOf(i) > 0 ? classify(output, classesOf(i)) : output;
    });
  } catch (error) {
    throw asRefusal(error);
  }
}
