/**
 * Answers that gRPC callers have not taken yet, over all connections. A caller who opens no window is sent nothing, and grpc-js holds
 * what it would be sent without a limit.
 */
import { constants } from 'node:http2';
import { GatewayError } from '../gateway-error.js';
import { ANSWER_TIMEOUT_MS, MAX_UNSENT_BYTES } from '../limits.js';
import type { ServerCall } from './grpc-call.js';
import { streamOf } from './grpc-internals.js';

export class UnsentAnswers {
  private held = 0;

  constructor(private readonly maxBytes = MAX_UNSENT_BYTES) {}

  /** @returns what says that it was sent, or never will be. @throws GatewayError UNAVAILABLE */
  hold(bytes: number): () => void {
    if (this.held + bytes > this.maxBytes)
      throw new GatewayError('UNAVAILABLE', 'callers have not taken the answers that the gateway holds for them already; try again', 1);
    this.held += bytes;
    return () => {
      this.held -= bytes;
      bytes = 0;
    };
  }

  /** Of a call with one answer, until the call ends: a caller who does not take it ends it by that. @throws GatewayError UNAVAILABLE */
  holdUntilEnd(rpc: ServerCall, bytes: number): void {
    const stream = streamOf(rpc);
    const release = this.hold(bytes);
    if (stream.closed) return release();
    stream.once('close', release);
    stream.setTimeout(ANSWER_TIMEOUT_MS, () => cut(rpc));
  }
}

/** Ends a call whose caller does not take what it is sent. */
export const cut = (rpc: ServerCall): void => streamOf(rpc).close(constants.NGHTTP2_CANCEL);
