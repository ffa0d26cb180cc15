/** Dimensions that a model gives one name in several inputs, and that a request gives different sizes. Pure. */
import type { Signature, Tensor } from '../tensor.js';

/**
 * Names the shared dimensions of a request that differ; undefined where they agree. ONNX Runtime does not compare them: it broadcasts 1
 * against 3, and joins 2 and 3, whatever the names say. So this is no reason to refuse a request, but a hint for one that has failed.
 */
export function dimensionConflict({ inputs: specs }: Signature, inputs: readonly Tensor[]): string | undefined {
  const sizes = new Map<string, { input: string; size: number }>();
  for (const { name, shape } of inputs) {
    const symbols = specs.find((spec) => spec.name === name)?.symbols ?? [];
    for (const [axis, symbol] of symbols.entries()) {
      if (symbol === null) continue;
      const size = shape[axis]!;
      const other = sizes.get(symbol);
      if (!other) sizes.set(symbol, { input: name, size });
      else if (other.size !== size) {
        const where =
          other.input === name
            ? `input "${name}" has the dimension "${symbol}" twice`
            : `inputs "${other.input}" and "${name}" share the dimension "${symbol}"`;
        return `${where}, with the sizes ${other.size} and ${size}`;
      }
    }
  }
  return undefined;
}
