/**
 * Frames on a replica's socket: what HTTP would do for OIP messages, without its price. Many requests are under way at
 * once on one connection and are told apart by their id; answers may come in any order.
 *
 * A frame is, little-endian: uint32 length of all that follows, uint32 id, uint8 kind, uint32 length of the JSON, the JSON,
 * then the tensors' bytes up to the frame's end.
 */
import type { Duplex } from 'node:stream';
import type { EncodedMessage } from './message.js';
import { TensorError, type Signature } from '../tensor.js';

export const FRAME = {
  /** to the replica: who are you? No JSON. */
  HELLO: 1,
  /** to the replica: an OIP inference request. */
  INFER: 2,
  /** to the replica: the caller of this id is gone. No answer. */
  CANCEL: 3,
  /** to the replica: take nothing new, finish what is under way, then exit. JSON: `{epoch}`. Answered with HELLO's answer at once. */
  DRAIN: 4,
  /** from the replica: `ReplicaHello`. */
  HELLO_ANSWER: 101,
  /** from the replica: an OIP inference response. JSON parameters hold `input_ns`, `compute_ns` and `output_ns`: reading the request, the runtime, encoding its outputs. */
  INFER_ANSWER: 102,
  /** from the replica: `ReplicaFailure`. */
  FAILURE: 103,
  /**
   * from the replica, as the last frame of a connection, when it has drained: what was sent here and not answered was not
   * executed and never will be. Without it, a request that crossed with the replica's exit could not safely be sent elsewhere.
   */
  GOODBYE: 104,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

/** What a replica says of itself. The peer compares `replicaId` and `versionDigest` before it sends anything else. */
export interface ReplicaHello {
  readonly replicaId: string;
  readonly versionDigest: string;
  readonly pid: number;
  readonly state: 'LOADING' | 'READY' | 'DRAINING' | 'FAILED';
  /** The runtime's own message, when FAILED. */
  readonly reason?: string;
  readonly runtime: string;
  readonly backend?: string;
  /** Name and version of the library behind it, for people to read. */
  readonly library?: string;
  readonly signature?: Signature;
  readonly memoryBytes?: number;
  readonly loadMs?: number;
  readonly inFlight: number;
}

/** Why a request was not answered. `executed: false` promises that the model never saw it, so that it is safe to send it elsewhere. */
export interface ReplicaFailure {
  /**
   * INVALID: the request is at fault; the replica works. FATAL: this request, or one merged into it, broke the runtime, and the replica
   * ends. RUNTIME_FAILED: the runtime failed, and whose fault it was is not known.
   */
  readonly code: 'INVALID' | 'DRAINING' | 'NOT_READY' | 'RUNTIME_FAILED' | 'FATAL' | 'CANCELLED';
  readonly message: string;
  readonly executed: boolean;
}

export interface Frame {
  readonly id: number;
  readonly kind: number;
  readonly json: Buffer;
  readonly binary: Buffer;
}

const HEAD = 13;

/** The longest frame that may answer an inference. The peer treats a longer one as a broken stream. */
export const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/** The most that a message takes as a frame. */
export function frameBytes({ json, binary }: EncodedMessage): number {
  let bytes = HEAD + 7 + json.length;
  for (const part of binary) bytes += part.byteLength;
  return bytes;
}

/** Tensors' parts of up to this size on average are copied into one piece: a piece of its own costs the stream and the kernel more. */
const COPIED_PART_BYTES = 32 * 1024;

/** Writes one frame; large tensors' bytes are handed to the stream as they are. Returns false where the stream asks to wait for 'drain'. */
export function writeFrame(stream: Duplex, id: number, kind: FrameKind, message: EncodedMessage): boolean {
  const { json, binary } = message;
  let size = 0;
  for (const part of binary) size += part.byteLength;
  // Spaces after the JSON put the tensors on a boundary of 8 bytes in the reader's buffer, so that it need not copy large ones.
  const padding = size === 0 ? 0 : -(HEAD - 4 + json.length) & 7;
  const headBytes = HEAD + json.length + padding;
  const copied = size <= binary.length * COPIED_PART_BYTES;
  const head = Buffer.allocUnsafe(copied ? headBytes + size : headBytes);
  head.writeUInt32LE(headBytes - 4 + size, 0);
  head.writeUInt32LE(id, 4);
  head.writeUInt8(kind, 8);
  head.writeUInt32LE(json.length + padding, 9);
  head.set(json, HEAD);
  if (padding > 0) head.fill(0x20, HEAD + json.length, headBytes);
  if (copied) {
    let at = headBytes;
    for (const part of binary) {
      head.set(part, at);
      at += part.byteLength;
    }
    return stream.write(head);
  }
  stream.cork();
  stream.write(head);
  let more = true;
  for (const part of binary) if (part.byteLength > 0) more = stream.write(part);
  stream.uncork();
  return more;
}

export function jsonMessage(value?: unknown): EncodedMessage {
  return { json: value === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value)), binary: [] };
}

/** Cuts a byte stream into frames. A large frame is gathered into one buffer of its size, so that each byte is copied at most once. */
export class FrameReader {
  private head: Buffer = Buffer.alloc(0);
  private body: Buffer | undefined;
  private filled = 0;

  /** @param maxBytes a frame that says it is longer ends the connection: the peer is no replica or gateway of ours. */
  constructor(
    private readonly onFrame: (frame: Frame) => void,
    private readonly maxBytes: number,
  ) {}

  /** @throws TensorError for bytes that are no frame; the connection is then to be closed. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.body) {
        const part = rest.subarray(0, this.body.length - this.filled);
        this.body.set(part, this.filled);
        this.filled += part.length;
        rest = rest.subarray(part.length);
        if (this.filled === this.body.length) {
          const body = this.body;
          this.body = undefined;
          this.emit(body);
        }
        continue;
      }
      if (this.head.length > 0) {
        rest = Buffer.concat([this.head, rest]);
        this.head = Buffer.alloc(0);
      }
      if (rest.length < 4) {
        this.head = rest;
        return;
      }
      const length = rest.readUInt32LE(0);
      if (length < HEAD - 4 || length > this.maxBytes) throw new TensorError(`a frame of ${length} bytes, the limit is ${this.maxBytes}`);
      if (rest.length >= 4 + length) {
        this.emit(rest.subarray(4, 4 + length));
        rest = rest.subarray(4 + length);
      } else {
        this.body = Buffer.allocUnsafeSlow(length);
        this.filled = 0;
        rest = rest.subarray(4);
      }
    }
  }

  private emit(body: Buffer): void {
    const jsonLength = body.readUInt32LE(5);
    const start = HEAD - 4;
    if (start + jsonLength > body.length) throw new TensorError(`a frame's JSON of ${jsonLength} bytes does not fit into its ${body.length}`);
    this.onFrame({
      id: body.readUInt32LE(0),
      kind: body.readUInt8(4),
      json: body.subarray(start, start + jsonLength),
      binary: body.subarray(start + jsonLength),
    });
  }
}
