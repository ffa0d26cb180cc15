/** CSV as MLflow takes it: the first line names the columns; cells are text until the signature says what they are. */
import { isUtf8 } from 'node:buffer';
import { CsvError, parse } from 'csv-parse/sync';
import { TensorError, type Datatype } from '../../../runtimes/tensor.js';
import type { Frame } from './mlflow-frame.js';

/** A cell of more characters is no value of a model. */
const MAX_CELL = 1024 * 1024;

/** @throws TensorError that says which line is wrong */
export function frameFromCsv(body: Buffer): Frame {
  if (!isUtf8(body)) throw new TensorError('the body is not UTF-8');
  let lines: string[][];
  try {
    lines = parse(body, { bom: true, skip_empty_lines: true, max_record_size: MAX_CELL });
  } catch (error) {
    throw error instanceof CsvError ? new TensorError(`the body is no CSV: ${error.message}`) : error;
  }
  const [columns, ...rows] = lines;
  if (!columns) throw new TensorError('the body is empty; its first line must name the columns');
  return { columns, rows };
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
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
      // pandas writes a missing value as nothing.
      if (text === '' || /^nan$/i.test(text)) return NAN_WORD;
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
