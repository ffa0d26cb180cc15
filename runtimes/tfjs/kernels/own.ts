/** Cases of kernels that TensorFlow.js itself answers otherwise than TensorFlow: they are answered here. */
import type { DataType, KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { Backend, Core } from '../library.js';
import type { KernelCall } from './call.js';

/** undefined: not such a case. */
export type OwnKernel = (core: Core, backend: Backend, call: KernelCall) => TensorInfo | undefined;

interface StridedSliceAttrs {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

const EMPTY: Readonly<Partial<Record<DataType, () => unknown>>> = {
  float32: () => new Float32Array(0),
  int32: () => new Int32Array(0),
  bool: () => new Uint8Array(0),
  string: () => [],
};

/** A slice that ends before it begins, as `x[3:2]`, is empty. TensorFlow.js counts its size as -1, which means "the rest", and fails. */
const emptySlice: OwnKernel = (core, _backend, { inputs, attrs, backend }) => {
  const { shape: of, dtype } = inputs['x']!;
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs as unknown as StridedSliceAttrs;
  const { finalShape: shape } = core.slice_util.sliceInfo(of, begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask);
  const values = EMPTY[dtype]?.();
  if (!shape.includes(0) || values === undefined) return undefined;
  return { dataId: backend.write(values as never, shape, dtype) as TensorInfo['dataId'], shape, dtype };
};

/** Plain JavaScript answers the floor of a quotient of floats as int32, which does not hold large ones. TensorFlow answers floats. */
const floorOfFloats: OwnKernel = (core, backend, { inputs, backend: engine }) => {
  if (backend !== 'cpu' || inputs['a']!.dtype !== 'float32') return undefined;
  const run = (kernel: string, given: object): TensorInfo =>
    core
      .getKernel(kernel, backend)!
      .kernelFunc({ inputs: given as never, backend: engine, attrs: {} } as Parameters<KernelConfig['kernelFunc']>[0]) as TensorInfo;
  const quotient = run('RealDiv', inputs);
  const floor = run('Floor', { x: quotient });
  engine.disposeData(quotient.dataId);
  return floor;
};

export const OWN: Readonly<Record<string, OwnKernel>> = { StridedSlice: emptySlice, FloorDiv: floorOfFloats };
