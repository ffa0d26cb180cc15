/** Requests that went to a replica as one message, merged along the first dimension; also one that went alone. */
import { encodeMerged, type InferResponse } from '../../../runtimes/open-inference/message.js';
import { PackedTensor } from '../../../runtimes/open-inference/packed-tensor.js';
import type { Tensor, TensorData } from '../../../runtimes/tensor.js';
import type { Lane } from '../replicas/lane.js';
import type { PendingRequest } from './pending-request.js';
import type { Sent } from '../replicas/transport.js';

/** Who is told how a batch ended: exactly one of the three, once. */
export interface BatchOwner {
  answered(batch: Batch, response: InferResponse): void;
  failed(batch: Batch, error: Error): void;
  /** Every member was given up meanwhile. @param late the last one because its deadline had passed */
  abandoned(batch: Batch, late: boolean): void;
}

export class Batch {
  /** Along the batch dimension, as sent. */
  readonly rows: number;
  /** What merging and sending it took, in milliseconds. */
  sendMs = 0;
  private left: number;
  private sent: Sent | undefined;
  /** The replica has answered, or never will: there is nothing left to cancel. */
  private ended = false;

  constructor(
    readonly members: readonly PendingRequest[],
    readonly lane: Lane,
    readonly sentAt: number,
    private readonly owner: BatchOwner,
  ) {
    this.left = members.length;
    let rows = 0;
    for (const member of members) {
      rows += member.rows;
      member.batch = this;
      member.sentAt = sentAt;
    }
    this.rows = rows;
  }

  send(): void {
    this.sent = this.lane.link.send(encodeMerged(this.members.map(({ request }) => request)), this);
  }

  /** A member is given up. The others go on, and what the model makes of it is thrown away. */
  drop(member: PendingRequest, late: boolean): void {
    member.batch = undefined;
    if (this.ended || --this.left > 0) return;
    this.sent?.cancel();
    this.owner.abandoned(this, late);
  }

  answered(response: InferResponse): void {
    this.ended = true;
    this.owner.answered(this, response);
  }

  failed(error: Error): void {
    this.ended = true;
    this.owner.failed(this, error);
  }
}

/**
 * Cuts a batch's outputs into those of its members, in their order, without a copy of their data.
 * @returns undefined where some output does not have the batch's rows: then it is not known which row is whose
 */
export function splitRows(outputs: readonly Tensor[], members: readonly { readonly rows: number }[]): Tensor[][] | undefined {
  let total = 0;
  for (const { rows } of members) total += rows;
  for (const { shape } of outputs) if (shape.length === 0 || shape[0] !== total) return undefined;
  const parts: Tensor[][] = [];
  let from = 0;
  for (const { rows } of members) {
    const part: Tensor[] = [];
    for (const tensor of outputs) {
      const own = tensor.shape.slice();
      own[0] = rows;
      part.push(partOf(tensor, own, from, from + rows, total));
    }
    parts.push(part);
    from += rows;
  }
  return parts;
}

/** @param shape of the part: rows `from` up to `to` of the `total` that the tensor has */
function partOf(tensor: Tensor, shape: readonly number[], from: number, to: number, total: number): Tensor {
  if (tensor instanceof PackedTensor) {
    const each = tensor.count / total;
    return tensor.part(shape, from * each, to * each);
  }
  const { name, datatype, data } = tensor;
  const each = data.length / total;
  return { name, datatype, shape, data: slice(data, from * each, to * each) };
}

function slice(data: TensorData, from: number, to: number): TensorData {
  return Array.isArray(data) ? data.slice(from, to) : (data as Exclude<TensorData, readonly Uint8Array[]>).subarray(from, to);
}
