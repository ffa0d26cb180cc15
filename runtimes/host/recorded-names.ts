/**
 * A version keeps the names it was validated with: callers use them, and so do routes. A later release of a plugin may read other names from the
 * same files. Its model then goes by the recorded ones.
 */
import type { LoadedModel } from '../contract.js';
import type { Signature, Tensor, TensorSpec } from '../tensor.js';

/** The model itself unless the recorded signature has the same tensors under other names. */
export function underRecordedNames(model: LoadedModel, recorded: Signature | null | undefined): LoadedModel {
  const own = model.signature;
  if (!recorded || !differOnlyInNames(recorded, own)) return model;
  const inputName = renaming(recorded.inputs, own.inputs);
  const [ownOutput, recordedOutput] = [renaming(recorded.outputs, own.outputs), renaming(own.outputs, recorded.outputs)];
  return {
    signature: recorded,
    get backend() {
      return model.backend;
    },
    get library() {
      return model.library;
    },
    async infer(inputs, requestedOutputs, signal) {
      const outputs = await model.infer(renamed(inputs, inputName), requestedOutputs?.map(ownOutput), signal);
      return renamed(outputs, recordedOutput);
    },
    ...(model.memoryBytes && { memoryBytes: () => model.memoryBytes!() }),
    dispose: () => model.dispose(),
  };
}

function differOnlyInNames(a: Signature, b: Signature): boolean {
  const names = ({ inputs, outputs }: Signature) => JSON.stringify([inputs, outputs].map((specs) => specs.map(({ name }) => name)));
  return names(a) !== names(b) && areRenamed(a.inputs, b.inputs) && areRenamed(a.outputs, b.outputs);
}

/** Whether each tensor is like the other's in its place, and called the same or by a name that the other does not have: tensors in another order are not renamed. */
function areRenamed(a: readonly TensorSpec[], b: readonly TensorSpec[]): boolean {
  const has = (specs: readonly TensorSpec[], name: string) => specs.some((spec) => spec.name === name);
  const like = (x: TensorSpec, y: TensorSpec) => x.datatype === y.datatype && String(x.shape) === String(y.shape);
  return a.length === b.length && a.every((x, i) => like(x, b[i]!) && (x.name === b[i]!.name || (!has(b, x.name) && !has(a, b[i]!.name))));
}

function renaming(from: readonly TensorSpec[], to: readonly TensorSpec[]): (name: string) => string {
  const names = new Map(from.map(({ name }, i) => [name, to[i]!.name]));
  return (name) => names.get(name)!;
}

/** Field by field: a packed tensor has its data behind a getter, which a spread would lose. */
const renamed = (tensors: readonly Tensor[], rename: (name: string) => string): Tensor[] =>
  tensors.map(({ name, datatype, shape, data }) => ({ name: rename(name), datatype, shape, data }));
