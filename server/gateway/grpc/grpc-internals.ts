/**
 * All that the gateway uses of grpc-js beside its public interface. The version of grpc-js is pinned exactly in package.json, and
 * `test/unit/gateway/grpc-internals.test.ts` fails when an upgrade changes one of these:
 *
 * | member | of | why |
 * | --- | --- | --- |
 * | `stream` | a call | to end a call whose caller does not read its response, and to refuse a message while it arrives |
 * | `decoder.maxReadMessageLength`, `maxReceiveMessageSize` | a call | the limit of a message differs between methods; the option is for all |
 * | `decompressMessage`, `incomingEncoding` | a call | an inflated message counts as memory while it grows, and responses use the request's encoding |
 * | `sendStatus` | a call | every error is counted, also those that grpc-js returns by itself |
 * | `_respondWithError` | the server | calls of unknown methods are counted: no interceptor sees them |
 * | `byteLength` and `copy` of a serialized message | the server | `grpc-wire-message.ts` writes tensors straight into the frame |
 */
import type { ServerHttp2Stream } from 'node:http2';
import type { Metadata, Server, ServerInterceptingCallInterface, status, StatusObject } from '@grpc/grpc-js';
import type { ServerCall } from '../grpc/grpc-call.js';

/** A call as interceptors get it. */
export interface InternalCall {
  readonly stream: ServerHttp2Stream;
  readonly metadata: Metadata;
  readonly incomingEncoding: string;
  readonly decoder: { maxReadMessageLength: number };
  maxReceiveMessageSize: number;
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
  sendStatus(status: Partial<StatusObject>): void;
}

export type GivenStatus = { readonly code?: status | null };

/** @throws Error, at every call, where a member is missing: a limit that silently does nothing would be worse */
export function internalCall(call: ServerInterceptingCallInterface): InternalCall {
  const internal = call as unknown as InternalCall;
  const { stream, metadata, decoder, decompressMessage, maxReceiveMessageSize, incomingEncoding } = internal as Partial<InternalCall>;
  const known = stream && metadata && decoder?.maxReadMessageLength && maxReceiveMessageSize && decompressMessage && incomingEncoding;
  if (!known) throw unknownVersion('a call lacks stream, metadata, decoder, decompressMessage, maxReceiveMessageSize or incomingEncoding');
  return internal;
}

/** Limits the messages of one call, in bytes. */
export function limitMessage(call: InternalCall, bytes: number): void {
  call.decoder.maxReadMessageLength = call.maxReceiveMessageSize = bytes;
}

/** @returns a function that tells of the first status of a call: what follows is not sent. It is one function for all calls. @throws Error at a call */
export function firstStatusTeller(onStatus: (given: GivenStatus) => void): (call: ServerInterceptingCallInterface) => void {
  function sendStatus(this: InternalCall, given: Partial<StatusObject>): void {
    this.sendStatus = (Object.getPrototypeOf(this) as InternalCall).sendStatus;
    onStatus(given);
    this.sendStatus(given);
  }
  return (call) => {
    const internal = call as unknown as InternalCall;
    if (typeof internal.sendStatus !== 'function') throw unknownVersion('a call lacks sendStatus');
    internal.sendStatus = sendStatus;
  };
}

/** Tells of calls that the server refuses before any interceptor. @throws Error */
export function onRefusedByServer(server: Server, onStatus: (given: GivenStatus) => void): void {
  const internal = server as unknown as { _respondWithError(given: GivenStatus, ...more: unknown[]): void };
  const { _respondWithError: respond } = internal;
  if (typeof respond !== 'function') throw unknownVersion('the server lacks _respondWithError');
  internal._respondWithError = (given, ...more) => {
    onStatus(given);
    respond.call(server, given, ...more);
  };
}

/** The call below the one that a handler gets. */
const callBelow = (rpc: ServerCall): InternalCall => (rpc as unknown as { call: InternalCall }).call;

export const streamOf = (rpc: ServerCall): ServerHttp2Stream => callBelow(rpc).stream;

/** How the caller compressed its request. */
export const requestEncodingOf = (rpc: ServerCall): string | undefined => (callBelow(rpc) as InternalCall | undefined)?.incomingEncoding;

const unknownVersion = (what: string): Error => new Error(`this version of grpc-js is not supported: ${what}`);
