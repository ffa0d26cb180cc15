/**
 * Outputs as nested JSON, by row or by column: what TensorFlow Serving and MLflow answer with. `NaN` and `Infinity` are bare there,
 * and a floating number always shows that it is one.
 */
import { halfValue } from '../../../runtimes/open-inference/half.js';
import { elementText } from '../../../runtimes/open-inference/json.js';
import { TensorError, type Tensor } from '../../../runtimes/tensor.js';

/** Neither protocol has another form for it, but for a name of the model's own choice. */
const INSTEAD = 'ask over the Open Inference Protocol (/v2, or gRPC), which has binary data';

export interface TextOptions {
  /** Whether an output named `*_bytes` is answered as `{"b64": …}`, as TensorFlow Serving does. */
  readonly base64: boolean;
}

/** Whether the outputs have one row for each instance. */
export function haveRows(outputs: readonly Tensor[]): boolean {
  return outputs.every(({ shape }) => shape.length > 0 && shape[0] === outputs[0]!.shape[0]);
}

/**
 * A list with one entry for each row; objects by output name where there are several.
 * @throws TensorError where an output has no such rows, or BYTES that are not UTF-8
 */
export function rowsText(outputs: readonly Tensor[], options: TextOptions): string {
  if (!haveRows(outputs)) {
    const shapes = outputs.map(({ name, shape }) => `"${name}" [${shape.join(', ')}]`).join(', ');
    throw new TensorError(`the outputs, ${shapes}, do not have one row for each instance; ask by column, with "inputs"`);
  }
  const writers = outputs.map((tensor) => new NestedText(tensor, options));
  if (writers.length === 1) return writers[0]!.whole();
  const names = outputs.map(({ name }) => JSON.stringify(name));
  const rows = Array.from({ length: outputs[0]?.shape[0] ?? 0 }, (_, row) => `{${writers.map((writer, i) => `${names[i]}:${writer.row(row)}`).join(',')}}`);
  return `[${rows.join(',')}]`;
}

/** The whole outputs: an object by output name where there are several. @throws TensorError for BYTES that are not UTF-8 */
export function columnsText(outputs: readonly Tensor[], options: TextOptions): string {
  if (outputs.length === 1) return new NestedText(outputs[0]!, options).whole();
  return `{${outputs.map((tensor) => `${JSON.stringify(tensor.name)}:${new NestedText(tensor, options).whole()}`).join(',')}}`;
}

class NestedText {
  private readonly element: (at: number) => string;
  /** Elements of one entry at each nesting level. */
  private readonly strides: readonly number[];

  constructor(
    private readonly tensor: Tensor,
    options: TextOptions,
  ) {
    this.element = elementWriter(tensor, options);
    const { shape } = tensor;
    this.strides = shape.map((_, level) => shape.slice(level + 1).reduce((product, dimension) => product * dimension, 1));
  }

  whole(): string {
    return this.from(0, 0);
  }

  row(row: number): string {
    return this.from(1, row * this.strides[0]!);
  }

  private from(level: number, at: number): string {
    const { shape } = this.tensor;
    if (level === shape.length) return this.element(at);
    const last = level === shape.length - 1;
    let text = '[';
    for (let i = 0; i < shape[level]!; i++) {
      if (i > 0) text += ',';
      text += last ? this.element(at + i) : this.from(level + 1, at + i * this.strides[level]!);
    }
    return text + ']';
  }
}

function elementWriter({ name, datatype, data }: Tensor, { base64 }: TextOptions): (at: number) => string {
  switch (datatype) {
    case 'BYTES': {
      const elements = data as readonly Uint8Array[];
      if (base64 && name.endsWith('_bytes')) return (at) => `{"b64":"${Buffer.from(elements[at]!).toString('base64')}"}`;
      return (at) => JSON.stringify(elementText(name, at, elements[at]!, INSTEAD));
    }
    case 'BOOL':
      return (at) => (data[at] ? 'true' : 'false');
    case 'FP16':
      return (at) => floatText(halfValue((data as Uint16Array)[at]!));
    case 'FP32':
    case 'FP64':
      return (at) => floatText((data as Float64Array)[at]!);
    default:
      return (at) => String(data[at]);
  }
}

function floatText(value: number): string {
  if (!Number.isInteger(value)) return String(value);
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return text.includes('e') ? text : `${text}.0`;
}
