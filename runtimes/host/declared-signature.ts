/** Compares the signature that a version's author declared with the model's own. Pure. */
import type { Signature, TensorSpec } from '../tensor.js';

/** @throws Error that names the first input or output whose declaration the model contradicts */
export function assertDeclared(declared: Signature, own: Signature): void {
  assertAlike('input', declared.inputs, own.inputs);
  assertAlike('output', declared.outputs, own.outputs);
}

function assertAlike(kind: 'input' | 'output', declared: readonly TensorSpec[], own: readonly TensorSpec[]): void {
  const names = (specs: readonly TensorSpec[]): string => specs.map(({ name }) => name).join(', ') || 'none';
  if (names(declared) !== names(own)) throw new Error(`the declared signature has the ${kind}s ${names(declared)}; the model has ${names(own)}`);
  declared.forEach((spec, i) => {
    const model = own[i]!;
    if (spec.datatype !== model.datatype || !mayBeOneShape(spec.shape, model.shape))
      throw new Error(`the declared signature says ${kind} ${shown(spec)}; the model says ${shown(model)}`);
  });
}

/** Whether some tensor fits both: -1 may be any size, and null any shape. */
function mayBeOneShape(a: TensorSpec['shape'], b: TensorSpec['shape']): boolean {
  if (a === null || b === null) return true;
  return a.length === b.length && a.every((size, axis) => size === b[axis] || size === -1 || b[axis] === -1);
}

const shown = ({ name, datatype, shape }: TensorSpec): string => `"${name}" ${datatype} ${shape ? `[${shape.join(', ')}]` : 'of any shape'}`;
