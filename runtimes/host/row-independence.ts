/**
 * Whether a row's answer depends on the rows beside it, which a leading -1 in the signature does not tell: dynamic quantisation,
 * reductions over the batch, non-maximum suppression and the like let one row change another's answer. Requests of different
 * callers may be merged into one inference only where it does not.
 */
import type { Signature, Tensor } from '../tensor.js';
import { batchOf, isFloat, rowOf, sameRow, scaledRow, variedRow, type Row } from './rows.js';
import { differenceOf, type Difference } from './row-difference.js';

/** What each value means is written down where GraphQL declares it. */
export type RowVerdict = 'INDEPENDENT' | 'ROUNDING' | 'DEPENDENT' | 'FIXED' | 'UNKNOWN';

export interface RowIndependence {
  readonly verdict: RowVerdict;
  /** What it rests on: what was compared, or where a difference was seen. */
  readonly reason: string;
}

export type Infer = (inputs: readonly Tensor[]) => Promise<readonly Tensor[]>;

/** Different rows that are tried: the sample's own first, then variations of them. */
const ROWS = 4;
const SCALE = 100;
const BATCHES = [2, 3, 8];
/** The default of `maxBatchSize`. Libraries choose other kernels for large batches, so it is tried where a row is small enough to be cheap. */
const LARGE_BATCH = 64;
const SMALL_ROW_ELEMENTS = 16_384;

/** Rows put together, and the row that each is compared with; null for a neighbour whose own answer does not matter. */
interface Trial {
  readonly rows: readonly Row[];
  readonly known: readonly (number | null)[];
  readonly where: string;
}

/** Sends the sample's rows alone, together and beside large neighbours. Never throws: what fails here says nothing against the version. */
export async function rowIndependence(signature: Signature, sample: readonly Tensor[], infer: Infer): Promise<RowIndependence> {
  // Requests that give an input that may be left out are never merged.
  const inputs = signature.inputs.filter(({ optional }) => !optional);
  const required = sample.filter(({ name }) => inputs.some((spec) => spec.name === name));
  try {
    return await compareRows({ ...signature, inputs }, required, infer);
  } catch (error) {
    return unknown(messageOf(error));
  }
}

async function compareRows(signature: Signature, sample: readonly Tensor[], infer: Infer): Promise<RowIndependence> {
  const fixed = fixedReason(signature, sample);
  if (fixed !== undefined) return { verdict: 'FIXED', reason: fixed };
  if (sample[0]!.shape[0] === 0) return unknown('the sample has no row');
  const candidates = candidateRows(sample);
  const rows: Row[] = [];
  const alone: Row[] = [];
  for (const { row, own } of candidates) {
    try {
      const answer = await infer(row);
      const misfit = misfitOf(answer, 1);
      if (misfit !== undefined) return { verdict: 'FIXED', reason: misfit };
      rows.push(row);
      // A copy: a library may write its next answer over this one.
      alone.push(rowOf(answer, 0));
    } catch (error) {
      // A variation is a guess at what the model takes.
      if (own) throw new Error(`a row of the sample failed alone: ${messageOf(error)}`, { cause: error });
    }
  }
  const trials = trialsOf(rows);
  if (trials.every((trial) => trial.rows.every((row) => sameRow(row, rows[0]!))))
    return unknown('the sample shows one row and no other could be made from it; register the version with a sample of several different rows');
  return judge(rows, alone, trials, infer);
}

async function judge(rows: readonly Row[], alone: readonly Row[], trials: readonly Trial[], infer: Infer): Promise<RowIndependence> {
  let rounding: Difference | undefined;
  const again: Trial = { rows: [rows[0]!], known: [0], where: 'the second time' };
  for (const trial of [again, ...trials]) {
    const answer = await infer(batchOf(trial.rows)).catch((error: unknown) => {
      throw new Error(`an inference ${trial.where} failed: ${messageOf(error)}`, { cause: error });
    });
    const misfit = misfitOf(answer, trial.rows.length);
    if (misfit !== undefined) return { verdict: 'FIXED', reason: misfit };
    for (const [at, row] of trial.known.entries()) {
      const difference = row === null ? undefined : differenceOf(alone[row]!, rowOf(answer, at), row, trial.where);
      if (!difference) continue;
      // Where two runs of one row alone differ, nothing can be learned from comparing.
      if (trial === again) return unknown(`the model does not give the same answer twice: ${difference.text}`);
      if (!difference.rounding) return { verdict: 'DEPENDENT', reason: difference.text };
      rounding ??= difference;
    }
  }
  if (rounding) return { verdict: 'ROUNDING', reason: rounding.text };
  const sizes = trials.filter((trial) => !trial.known.includes(null)).map((trial) => trial.rows.length);
  return { verdict: 'INDEPENDENT', reason: `${rows.length} rows gave the same bits alone, in batches of ${sizes.join(', ')}, and ${trials.at(-1)!.where}` };
}

const unknown = (reason: string): RowIndependence => ({ verdict: 'UNKNOWN', reason });

/** Why there is no dimension of rows at all; undefined where there is one. */
function fixedReason({ inputs, outputs }: Signature, sample: readonly Tensor[]): string | undefined {
  for (const [kind, specs] of [
    ['input', inputs],
    ['output', outputs],
  ] as const) {
    if (specs.length === 0) return `the model has no ${kind}`;
    const other = specs.find(({ shape }) => shape !== null && shape[0] !== -1);
    if (other) return `${kind} "${other.name}" has the shape [${other.shape!.join(', ')}], which does not begin with a dimension of any size`;
    const open = specs.find(({ shape }) => shape === null);
    // Of an output, the answers tell.
    if (open && kind === 'input') return `input "${open.name}" may have any number of dimensions, so that none is known to be that of the rows`;
  }
  const [first] = sample;
  const other = sample.find((tensor) => tensor.shape[0] !== first!.shape[0]);
  if (other)
    return `the sample has ${first!.shape[0]} rows of input "${first!.name}" and ${other.shape[0]} of "${other.name}": their first dimensions are not the same`;
  return undefined;
}

function misfitOf(outputs: readonly Tensor[], rows: number): string | undefined {
  const other = outputs.find((output) => output.shape[0] !== rows);
  return other && `output "${other.name}" had the shape [${other.shape.join(', ')}] for ${rows === 1 ? 'one row' : `${rows} rows`}`;
}

/** The sample's first rows, then deterministic variations of them, all different. */
function candidateRows(sample: readonly Tensor[]): { row: Row; own: boolean }[] {
  const random = generator(1);
  const found: { row: Row; own: boolean }[] = [];
  const add = (row: Row, own: boolean): void => {
    if (!found.some((other) => sameRow(other.row, row))) found.push({ row, own });
  };
  for (let i = 0; i < Math.min(sample[0]!.shape[0]!, ROWS); i++) add(rowOf(sample, i), true);
  const own = found.map(({ row }) => row);
  for (let i = 0; i < 4 * ROWS && found.length < ROWS; i++) add(variedRow(own[i % own.length]!, random), false);
  return found;
}

function trialsOf(rows: readonly Row[]): Trial[] {
  const large = rows[0]!.every((tensor) => tensor.data.length <= SMALL_ROW_ELEMENTS) ? [LARGE_BATCH] : [];
  const together = [...BATCHES, ...large].map((size): Trial => {
    // Each row gets to stand at different places, also modulo 16: a kernel may round by where a row lies in memory, modulo 64 bytes.
    const known = Array.from({ length: size }, (_, i) => (i + 1 + Math.floor(i / rows.length) + Math.floor(i / 16)) % rows.length);
    return { rows: known.map((i) => rows[i]!), known, where: `in a batch of ${size}` };
  });
  const where = rows[0]!.some(({ datatype }) => isFloat(datatype)) ? `beside a neighbour ${SCALE} times as large` : 'beside a neighbour of extreme values';
  const last = rows.length - 1;
  const [above, below] = [scaledRow(rows[0]!, SCALE), scaledRow(rows[last]!, -SCALE)];
  const middle = rows.map((row, i) => [row, i] as const);
  return [
    ...together,
    { rows: [rows[0]!, above], known: [0, null], where },
    { rows: [below, rows[last]!], known: [null, last], where },
    { rows: [above, ...middle.map(([row]) => row), below], known: [null, ...middle.map(([, i]) => i), null], where },
  ];
}

/** Park and Miller's minimal standard generator: the same rows in every validation. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
