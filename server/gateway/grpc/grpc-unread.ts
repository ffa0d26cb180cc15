/** Answers that gRPC callers have not read yet. A caller who opens no window is sent nothing, and grpc-js holds its answers without a limit. */
import { constants } from 'node:http2';
import { ANSWER_TIMEOUT_MS } from '../limits.js';
import type { UnreadAnswers } from '../unread-answers.js';
import type { ServerCall } from './grpc-call.js';
import { streamOf } from './grpc-internals.js';

/** @returns a function that is called when the answer was sent, or never will be. @throws GatewayError UNAVAILABLE */
export function holdUnread(unread: UnreadAnswers, rpc: ServerCall, caller: string, bytes: number): () => void {
  unread.makeRoom(caller, bytes);
  return unread.hold(caller, bytes, () => cut(rpc));
}

/** Of a call with one answer, until the call ends: a caller who does not read it ends it by that. @throws GatewayError UNAVAILABLE */
export function holdUntilEnd(unread: UnreadAnswers, rpc: ServerCall, caller: string, bytes: number): void {
  const stream = streamOf(rpc);
  const release = holdUnread(unread, rpc, caller, bytes);
  if (stream.closed) return release();
  stream.once('close', release);
  stream.setTimeout(ANSWER_TIMEOUT_MS, () => cut(rpc));
}

/** Ends a call whose caller does not read what it is sent. */
export const cut = (rpc: ServerCall): void => streamOf(rpc).close(constants.NGHTTP2_CANCEL);
