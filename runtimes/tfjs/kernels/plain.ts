/** Computes a kernel in plain JavaScript for tensors of another backend, and gives that backend the result. */
import type { DataType, KernelBackend, KernelConfig, Tensor, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';
import type { Core } from '../library.js';
import { KernelInputError, sizeOf, valuesOf, type KernelCall } from './call.js';

type Values = TypedArray | Uint8Array[];

/** What plain JavaScript's backend has beyond the common interface. */
interface PlainBackend extends KernelBackend {
  makeTensorInfo(shape: number[], dtype: DataType, values?: Values): TensorInfo;
}

/** @param config the kernel as it is registered for plain JavaScript */
export function computePlain(core: Core, { kernelFunc }: KernelConfig, call: KernelCall): TensorInfo | TensorInfo[] {
  const { inputs, attrs, backend } = call;
  const plain = core.findBackend('cpu') as PlainBackend;
  const held: TensorInfo[] = [];
  const move = (tensor: TensorInfo | undefined): TensorInfo | undefined => {
    // Only plain JavaScript has complex numbers: they are with it already.
    if (tensor === undefined || tensor.dtype === 'complex64') return tensor;
    const moved = plain.makeTensorInfo(
      tensor.shape,
      tensor.dtype,
      tensor.dtype === 'string' ? (backend.readSync(tensor.dataId) as Uint8Array[]) : valuesOf(backend, tensor),
    );
    held.push(moved);
    return moved;
  };
  const moved = Array.isArray(inputs)
    ? (inputs as TensorInfo[]).map(move)
    : Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, move(tensor)]));
  try {
    const outputs = kernelFunc({ inputs: moved as Record<string, TensorInfo>, attrs: attrs as never, backend: plain });
    return Array.isArray(outputs) ? outputs.map((output) => handOver(core, call, plain, output)) : handOver(core, call, plain, outputs);
  } finally {
    for (const tensor of held) plain.disposeData(tensor.dataId);
  }
}

function handOver(core: Core, { kernel, backend }: KernelCall, plain: PlainBackend, output: TensorInfo): TensorInfo {
  const { dataId, dtype, shape } = output;
  if (shape.some((size) => size < 0)) throw new KernelInputError(`${kernel}: the result would have the shape [${shape.join(',')}]; the inputs are too small`);
  if (dtype === 'complex64') return core.engine().makeTensorFromTensorInfo(output, plain);
  const values = typed(dtype, plain.readSync(dataId) as Values);
  if (values.length < sizeOf(shape)) throw new Error(`${kernel}: plain JavaScript answered ${values.length} numbers for the shape [${shape.join(',')}]`);
  // A part of an input may be the result, and WebAssembly's memory moves when it grows.
  const own = dtype === 'string' ? values : (values as TypedArray).slice();
  const written = backend.write(own as never, shape, dtype) as TensorInfo['dataId'];
  // Some kernels answer with a tensor that the engine counts.
  if ('rank' in output) (output as Tensor).dispose();
  else plain.disposeData(dataId);
  return { dataId: written, dtype, shape };
}

/** Plain JavaScript is careless with the kind of array behind a type; WebAssembly copies its bytes. */
function typed(dtype: DataType, values: Values): Values {
  if (dtype === 'string') return values;
  const Type = dtype === 'int32' ? Int32Array : dtype === 'bool' ? Uint8Array : Float32Array;
  return values instanceof Type ? values : Type.from(values as TypedArray);
}
