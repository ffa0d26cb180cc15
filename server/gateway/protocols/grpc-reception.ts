/** A limit on the bytes of requests that are being received, over all connections: grpc-js limits single messages only. */
import type { ServerHttp2Stream } from 'node:http2';
import { Metadata, status, type ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

/**
 * Refuses the call that goes beyond the limit, with UNAVAILABLE. Bytes count until their message is whole; then grpc-js pauses
 * the stream below the call, which types do not show.
 * @throws Error, at every call, where grpc-js has changed: better than no limit that nobody notices
 */
export function receptionLimit(maxBytes: number): ServerInterceptor {
  let buffered = 0;
  return (_method, call) => {
    const { stream } = call as unknown as { stream?: ServerHttp2Stream };
    if (!stream) throw new Error('this version of grpc-js has no stream below a call: the limit on requests in reception needs another way');
    let held = 0;
    const release = () => {
      buffered -= held;
      held = 0;
    };
    const count = (chunk: Buffer) => {
      held += chunk.length;
      buffered += chunk.length;
      if (buffered <= maxBytes) return;
      stream.removeListener('data', count);
      const metadata = new Metadata();
      metadata.set('retry-after', '1');
      call.sendStatus({ code: status.UNAVAILABLE, details: 'the gateway is receiving as much as it can hold; try again', metadata });
      release();
    };
    // Before grpc-js's own listener, which pauses at the end of a message.
    stream.prependListener('data', count);
    stream.on('pause', release);
    stream.once('close', release);
    // As it is: wrapping it would cost every message a few turns, for nothing.
    return call as ServerInterceptingCall;
  };
}
