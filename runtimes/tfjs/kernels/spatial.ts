/** Sizes of convolutions and pooling: what a filter leaves of an image. */
import { KernelInputError, type KernelCall } from './call.js';

/** Which inputs and attributes say the sizes, for each kernel that moves a filter over an image. */
interface Spatial {
  /** Spatial dimensions: 2 for images, 3 for volumes. */
  readonly dimensions: 2 | 3;
  readonly filter: 'input' | 'attribute';
}

export const SPATIAL: Readonly<Record<string, Spatial>> = {
  Conv2D: { dimensions: 2, filter: 'input' },
  FusedConv2D: { dimensions: 2, filter: 'input' },
  DepthwiseConv2dNative: { dimensions: 2, filter: 'input' },
  FusedDepthwiseConv2D: { dimensions: 2, filter: 'input' },
  Dilation2D: { dimensions: 2, filter: 'input' },
  MaxPool: { dimensions: 2, filter: 'attribute' },
  AvgPool: { dimensions: 2, filter: 'attribute' },
  MaxPoolWithArgmax: { dimensions: 2, filter: 'attribute' },
  Conv3D: { dimensions: 3, filter: 'input' },
  MaxPool3D: { dimensions: 3, filter: 'attribute' },
  AvgPool3D: { dimensions: 3, filter: 'attribute' },
};

const list = (value: unknown, length: number, absent: number): number[] =>
  Array.isArray(value) ? (value as number[]) : Array.from({ length }, () => (typeof value === 'number' ? value : absent));

/** Padding before and after one dimension; undefined where it is counted from the sizes (`same`). */
function padding(pad: unknown, axis: number): number | undefined {
  if (pad === 'same') return undefined;
  if (typeof pad === 'number') return 2 * pad;
  if (Array.isArray(pad)) return (pad[axis] as number[]).reduce((sum, side) => sum + side, 0);
  return 0;
}

/**
 * The spatial sizes of the result. May be 0, and negative where the filter is larger than the image by more than one step:
 * TensorFlow.js multiplies such sizes and then reads and writes anywhere.
 */
export function resultSizes({ kernel, inputs, attrs }: KernelCall): number[] {
  const { dimensions, filter: from } = SPATIAL[kernel]!;
  const first = attrs['dataFormat'] === 'NCHW' || attrs['dataFormat'] === 'NCDHW' ? 2 : 1;
  const filter = from === 'input' ? inputs['filter']!.shape : list(attrs['filterSize'], dimensions, 1);
  const strides = list(attrs['strides'], dimensions, 1);
  const dilations = list(attrs['dilations'], dimensions, 1);
  return Array.from({ length: dimensions }, (_, i) => {
    const size = inputs['x']!.shape[first + i]!;
    const around = padding(attrs['pad'], first + i);
    if (around === undefined) return Math.ceil(size / strides[i]!);
    return Math.floor((size + around - (filter[i]! - 1) * dilations[i]! - 1) / strides[i]!) + 1;
  });
}

/** Whether no padding is negative: XNNPACK takes it for a large one. With `same` it is where a step leaps over the rest of an image. */
export function paddingIsPositive({ kernel, inputs, attrs }: KernelCall): boolean {
  const { dimensions, filter: from } = SPATIAL[kernel]!;
  const { pad } = attrs;
  if (Array.isArray(pad)) return (pad as number[][]).flat().every((size) => size >= 0);
  if (pad !== 'same') return true;
  const filter = from === 'input' ? inputs['filter']!.shape : list(attrs['filterSize'], dimensions, 1);
  const strides = list(attrs['strides'], dimensions, 1);
  const dilations = list(attrs['dilations'], dimensions, 1);
  return Array.from({ length: dimensions }, (_, i) => inputs['x']!.shape[i + 1]!).every(
    (size, i) => (Math.ceil(size / strides[i]!) - 1) * strides[i]! + (filter[i]! - 1) * dilations[i]! + 1 >= size,
  );
}

export function checkImage(call: KernelCall): void {
  const sizes = resultSizes(call);
  if (sizes.every((size) => size >= 0)) return;
  const { dimensions, filter } = SPATIAL[call.kernel]!;
  const window = filter === 'input' ? call.inputs['filter']!.shape.slice(0, dimensions) : list(call.attrs['filterSize'], dimensions, 1);
  throw new KernelInputError(
    `${call.kernel}: the image [${call.inputs['x']!.shape.join(',')}] is smaller than the filter [${window.join(',')}]; send a larger one`,
  );
}
