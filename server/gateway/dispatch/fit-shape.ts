/** Inputs whose shape differs from the signature's only in how a column is written. */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import { PackedTensor } from '../../../runtimes/open-inference/packed-tensor.js';
import { fitsShape, type Signature, type Tensor } from '../../../runtimes/tensor.js';

/**
 * Takes an input of shape [n, 1] where the signature has [n]: MLServer's clients write every column so, and MLServer takes it. The
 * last dimension is dropped where it is 1, the signature has exactly one dimension fewer, and the others fit. Everything after it,
 * merging too, sees the shape of the signature.
 */
export function fitShapes(request: InferRequest, { inputs: specs }: Signature): InferRequest {
  let changed: Tensor[] | undefined;
  for (let i = 0; i < request.inputs.length; i++) {
    const tensor = request.inputs[i]!;
    const { name, shape } = tensor;
    if (shape[shape.length - 1] !== 1) continue;
    const spec = specs[i]?.name === name ? specs[i] : specs.find((candidate) => candidate.name === name);
    if (spec?.shape?.length !== shape.length - 1) continue;
    const fitted = shape.slice(0, -1);
    if (!fitsShape(fitted, spec.shape)) continue;
    changed ??= request.inputs.slice();
    changed[i] = tensor instanceof PackedTensor ? tensor.withShape(fitted) : { ...tensor, shape: fitted };
  }
  return changed ? { ...request, inputs: changed } : request;
}
