/** Which requests of a target may be merged: the same outputs and parameters, and inputs that differ in their first dimension only. */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import type { Signature, TensorSpec } from '../../../runtimes/tensor.js';
import type { BatchingRoute } from '../../routing/route-document.js';

/** The key of the most common request: the signature's own inputs, in its order, with nothing that may vary but the rows. */
const PLAIN = '';

export class BatchRule {
  /** Rows of one message; 1 where nothing is merged. */
  readonly maxRows: number;
  readonly maxDelayMs: number;
  /** Those that every request gives. */
  private readonly inputs: readonly TensorSpec[];
  /** Each of these has a first dimension that may vary. */
  private readonly hasRows: boolean;
  /** Some of these has another dimension that may vary. */
  private readonly varies: boolean;

  /** @param batching null where requests must not be merged */
  constructor(signature: Signature, batching: BatchingRoute | null) {
    this.inputs = signature.inputs.filter(({ optional }) => !optional);
    this.hasRows = this.inputs.length > 0 && this.inputs.every(({ shape }) => shape?.[0] === -1);
    this.varies = this.inputs.some(({ shape }) => shape === null || shape.indexOf(-1, 1) > 0);
    this.maxRows = this.hasRows && batching ? batching.maxBatchSize : 1;
    this.maxDelayMs = batching?.maxDelayMs ?? 0;
  }

  /**
   * Rows along the batch dimension; undefined for a request that has none, or whose inputs disagree. So too for one that gives an input which
   * may be left out: whether rows are independent then was not checked.
   */
  rowsOf({ inputs }: InferRequest): number | undefined {
    if (!this.hasRows || inputs.length !== this.inputs.length) return undefined;
    const rows = inputs[0]?.shape[0];
    for (let i = 1; i < inputs.length; i++) if (inputs[i]!.shape[0] !== rows) return undefined;
    return rows;
  }

  /**
   * @param rows as `rowsOf` says
   * @returns undefined for a request that goes alone: one that fills a message by itself, and one without rows, which a model may
   *   treat in its own way
   */
  keyOf({ inputs, outputs, parameters }: InferRequest, rows: number | undefined): string | undefined {
    if (rows === undefined || rows === 0 || rows >= this.maxRows) return undefined;
    if (!this.varies && outputs === undefined && parameters === undefined && this.inOrder(inputs)) return PLAIN;
    const sorted = parameters && Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify([inputs.map(({ name, datatype, shape }) => [name, datatype, shape.slice(1)]), outputs, sorted]);
  }

  private inOrder(inputs: InferRequest['inputs']): boolean {
    if (inputs.length !== this.inputs.length) return false;
    for (let i = 0; i < inputs.length; i++) if (inputs[i]!.name !== this.inputs[i]!.name) return false;
    return true;
  }
}
