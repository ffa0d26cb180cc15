/**
 * Who may send a gRPC message, how large it may be, and how long it may take: decided on the call's headers, and while the message is
 * on its way. grpc-js by itself limits the size only.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { createGunzip, createInflate } from 'node:zlib';
import { Metadata, status, type ServerInterceptingCall, type ServerInterceptor, type StatusObject } from '@grpc/grpc-js';
import { MAX_BODY_BYTES } from '../limits.js';
import type { Reception, ReceptionEnd, Receptions } from '../receptions.js';
import { internalCall, limitMessage, type InternalCall } from './grpc-internals.js';

export interface ReceptionOptions {
  readonly receptions: Receptions;
  /** @returns who calls (the token's hash, or `''` where no token is asked for), or why the call may not be made */
  readonly admit: (path: string, metadata: Metadata, stream: ServerHttp2Stream) => string | StatusObject;
  /** In bytes, of one message of a method. */
  readonly maxMessage: (path: string) => number;
}

/** A message's first bytes: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** @throws Error, at every call, where grpc-js has changed: otherwise the limits would be missing unnoticed */
export function reception({ receptions, admit, maxMessage }: ReceptionOptions): ServerInterceptor {
  return ({ path, requestStream }, call) => {
    const internal = internalCall(call);
    const limit = maxMessage(path);
    if (limit < MAX_BODY_BYTES) limitMessage(internal, limit);
    const admitted = admit(path, internal.metadata, internal.stream);
    if (typeof admitted === 'string') new MessageReception(internal, receptions, admitted, requestStream);
    else refuse(internal, admitted);
    // As it is: wrapping it would cost every message a few turns, for nothing.
    return call as ServerInterceptingCall;
  };
}

/** The messages of one call, one after the other. */
class MessageReception {
  private reception: Reception | undefined;
  private refused = false;

  constructor(
    private readonly call: InternalCall,
    private readonly receptions: Receptions,
    private readonly caller: string,
    private readonly streams: boolean,
  ) {
    const { stream } = call;
    // A call with one message sends it at once; a stream may be silent between its messages for as long as it likes.
    if (!streams) this.begin();
    // Before grpc-js's own listener, which pauses the stream at the end of a message.
    stream.prependListener('data', (chunk: Buffer) => this.came(chunk));
    stream.on('pause', () => this.done());
    stream.once('close', () => this.done());
    if (call.incomingEncoding !== 'identity') this.countInflated();
  }

  private begin(): Reception {
    return (this.reception = this.receptions.begin(this.caller, (end) => this.cutShort(end)));
  }

  private came(chunk: Buffer): void {
    if (this.reception) return this.reception.add(chunk.length);
    // Most messages are small and come in one piece.
    if (this.streams && !this.refused && !isWhole(chunk)) this.begin().add(chunk.length);
  }

  private done(): void {
    this.reception?.done();
    this.reception = undefined;
  }

  private cutShort({ reason, message }: ReceptionEnd): void {
    this.reception = undefined;
    this.refused = true;
    const metadata = new Metadata();
    if (reason === 'room') metadata.set('retry-after', '1');
    refuse(this.call, { code: reason === 'room' ? status.UNAVAILABLE : status.DEADLINE_EXCEEDED, details: message, metadata });
  }

  /** A compressed message takes more memory than its bytes on the wire: what it becomes counts while it is inflated. */
  private countInflated(): void {
    const { call } = this;
    const inflate = call.decompressMessage.bind(call);
    call.decompressMessage = (message, encoding) =>
      encoding === 'gzip' || encoding === 'deflate' ? this.inflate(message.subarray(PREFIX_BYTES), encoding) : inflate(message, encoding);
  }

  private inflate(packed: Buffer, encoding: 'gzip' | 'deflate'): Promise<Buffer> {
    const limit = this.call.maxReceiveMessageSize;
    return new Promise((resolve, reject) => {
      const inflater = encoding === 'gzip' ? createGunzip() : createInflate();
      const parts: Buffer[] = [];
      let size = 0;
      const reception = this.receptions.begin(this.caller, (end) => {
        inflater.destroy();
        this.cutShort(end);
      });
      const fail = (code: status, details: string) => {
        reception.done();
        inflater.destroy();
        reject({ code, details } as unknown as Error);
      };
      inflater.on('data', (part: Buffer) => {
        size += part.length;
        if (size > limit) return fail(status.RESOURCE_EXHAUSTED, `Received message that decompresses to a size larger than ${limit}`);
        parts.push(part);
        reception.add(part.length);
      });
      inflater.on('error', () => fail(status.INTERNAL, 'Failed to decompress message'));
      inflater.on('end', () => {
        reception.done();
        resolve(Buffer.concat(parts));
      });
      inflater.end(packed);
    });
  }
}

/** Whether it holds exactly one message. */
const isWhole = (chunk: Buffer): boolean => chunk.length >= PREFIX_BYTES && chunk.length === PREFIX_BYTES + chunk.readUInt32BE(1);

/** Answers, and tells the caller to send no more. */
function refuse(call: InternalCall, refusal: Partial<StatusObject>): void {
  call.sendStatus(refusal);
  // After the status is written: Node 22 would send the reset before it, or instead of it.
  setImmediate(() => call.stream.close(constants.NGHTTP2_NO_ERROR));
}
