/** What every gRPC call brings beside its message: who calls, until when, under which id. */
import { Metadata, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { DataPlane } from '../dispatch/data-plane.js';
import { MAX_TIMEOUT_MS } from '../limits.js';
import type { Call } from '../dispatch/call.js';
import type { TokenGate } from '../token-gate.js';
import type { UnreadAnswers } from '../unread-answers.js';
import { requestEncodingOf } from './grpc-internals.js';
import type { Encoding } from './grpc-wire-message.js';
import { requestIdOf } from '../request-id.js';

/** What the rooms behind the gRPC door work with. */
export interface GrpcOptions {
  readonly dataPlane: DataPlane;
  readonly gate: TokenGate;
  readonly unread: UnreadAnswers;
  /** Told the name of every status that is an error, and of every failure on a stream that goes on. */
  readonly onError: (code: string) => void;
  readonly log: Logger;
}

/** A call as grpc-js gives it. */
export type ServerCall = ServerUnaryCall<Buffer, unknown> | ServerDuplexStream<Buffer, unknown> | ServerWritableStream<Buffer, unknown>;

/** A caller whose deadline is this near is not gone but out of time: both sides' clocks end the call at about the same moment. */
const NEAR_DEADLINE_MS = 20;

export const requestIdIn = ({ metadata }: ServerCall): string => requestIdOf(textOf(metadata, 'x-request-id'));

/** @returns who calls. @throws GatewayError UNAUTHENTICATED */
export const callerOf = ({ metadata }: ServerCall, gate: TokenGate): string => gate.check(textOf(metadata, 'authorization'));

/** An inference arrives now. Each ends with the gRPC call that it came with. */
export function beginCall(rpc: ServerCall, { dataPlane }: GrpcOptions, requestId: string, caller: string, requestBytes: number): Call {
  const left = leftMs(rpc);
  return dataPlane.call({
    requestId,
    protocol: 'oip-grpc',
    caller,
    headers: headersOf(rpc.metadata),
    requestBytes,
    method: rpc.getPath().slice(rpc.getPath().lastIndexOf('/') + 1),
    ...(left !== undefined && { timeoutMs: Math.min(left, MAX_TIMEOUT_MS) }),
  });
}

/** For when the caller is gone. Where only its time is up the data plane's own timer says so, and counts it as that. */
export function cancelUnlessLate(rpc: ServerCall, call: Call): void {
  if ((leftMs(rpc) ?? Infinity) > NEAR_DEADLINE_MS) call.cancel();
}

export function answerMetadata(requestId: string, version?: number): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', requestId);
  if (version !== undefined) metadata.set('x-pilothouse-version', String(version));
  return metadata;
}

/** What the caller compressed its request with, and so understands. */
export function encodingOf(rpc: ServerCall): Encoding | undefined {
  const encoding = requestEncodingOf(rpc);
  return encoding === 'gzip' || encoding === 'deflate' ? encoding : undefined;
}

/** Milliseconds until the call's deadline; undefined where it has none. */
function leftMs(rpc: ServerCall): number | undefined {
  const deadline = Number(rpc.getDeadline());
  return deadline === Infinity ? undefined : deadline - Date.now();
}

export function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

function headersOf(metadata: Metadata): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata.getMap())) if (typeof value === 'string') headers[key] = value;
  return headers;
}
