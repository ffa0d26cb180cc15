/** CSV as MLflow takes it: the first line names the columns; cells are text until the signature says what they are. */
import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { TensorError, type Datatype } from '../../../runtimes/tensor.js';
import type { Frame } from './mlflow-frame.js';

/** Neither a line nor a cell has a limit of its own: a row may be an image, and a cell a document. The body's is theirs. */
const OPTIONS = { bom: true, skip_empty_lines: true } as const;

/** @throws TensorError that says which line is wrong */
export function frameFromCsv(body: Buffer): Frame {
  if (!isUtf8(body)) throw new TensorError('the body is not UTF-8');
  let lines: string[][];
  try {
    lines = parse(body, OPTIONS);
  } catch (error) {
    throw error instanceof CsvError ? new TensorError(`the body is not CSV: ${error.message}`) : error;
  }
  const [columns, ...rows] = lines;
  if (!columns) throw new TensorError('the body is empty; its first line must name the columns');
  return { columns, rows, nameOf: (row) => `line ${lineOf(body, row)}` };
}

/** Rows are no lines: empty ones are skipped, and a quoted cell may have several. Read once more, because only an error asks. */
function lineOf(body: Buffer, row: number): number {
  const records = parse(body, { ...OPTIONS, info: true, to: row + 2 }) as unknown as { info: { lines: number } }[];
  return records[row + 1]!.info.lines;
}

/** A digit can be read in one way only: where there are two, what is no number after all takes time by the square of its length. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const INTEGER = /^[+-]?\d{1,15}$/;

/** A cell as an element of the datatype; what fits none is left as text, and refused as such where the tensor is filled. */
export function csvElement(cell: unknown, datatype: Datatype): unknown {
  const text = (cell as string).trim();
  switch (datatype) {
    case 'BYTES':
      return cell;
    case 'BOOL':
      if (/^(?:true|1)$/i.test(text)) return true;
      return /^(?:false|0)$/i.test(text) ? false : cell;
    case 'FP16':
    case 'FP32':
    case 'FP64':
      if (MISSING.has(text) || /^nan$/i.test(text)) return NAN_WORD;
      if (/^[+-]?inf(?:inity)?$/i.test(text)) return text.startsWith('-') ? '-Infinity' : 'Infinity';
      return NUMBER.test(text) ? Number(text) : cell;
    case 'INT64':
    case 'UINT64':
      return text.replace(/^\+/, '');
    default:
      return INTEGER.test(text) ? Number(text) : cell;
  }
}

/** How a JSON tensor says it. */
const NAN_WORD = 'NaN';
/** What pandas, and with it MLflow, reads as a missing value (its `na_values`), beside the spellings of NaN. It writes nothing itself. */
const MISSING: ReadonlySet<string> = new Set([
  '',
  '#N/A',
  '#N/A N/A',
  '#NA',
  '-1.#IND',
  '-1.#QNAN',
  '-NaN',
  '-nan',
  '1.#IND',
  '1.#QNAN',
  '<NA>',
  'N/A',
  'NA',
  'NULL',
  'None',
  'n/a',
  'null',
]);
