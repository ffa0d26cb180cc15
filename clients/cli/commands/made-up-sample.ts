/** An input made from the signature, for a version without a sample of its own: one row of zeros. */
import type { InputSpec } from './infer.js';

export function made({ name, datatype, shape }: InputSpec): { name: string; datatype: string; shape: number[]; data: unknown[] } {
  const sizes = (shape ?? [1]).map((size) => (size < 0 ? 1 : size));
  const count = sizes.reduce((product, size) => product * size, 1);
  const zero = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0;
  return { name, datatype, shape: sizes, data: Array.from({ length: count }, () => zero) };
}
