/** The inputs of the sweep's cases, as plain data: the same values on every backend, and in every run. */

/** @typedef {{ dtype: 'float32' | 'int32' | 'bool' | 'string', shape: number[], values: readonly (number | string)[] }} Given */
/** @typedef {{ title: string, inputs: Record<string, Given | undefined> | Given[], attrs?: object, dtype?: string }} Case `dtype`: of the result, where plain JavaScript has another one than TensorFlow */

export const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** Numbers with a fraction, both signs, no two neighbours alike. */
const FLOATS = (i) => ((i * 7919 + 13) % 1009) / 113 - 4.3;
const VALUE = {
  float32: FLOATS,
  int32: (i) => ((i * 7919 + 13) % 23) - 9,
  bool: (i) => ((i * 5 + 3) % 7) % 2,
  string: (i) => `text ${i % 5}`,
};

/** @returns {Given} */
export function tensor(dtype, shape, values) {
  const size = sizeOf(shape);
  const given = values ?? Array.from({ length: size }, (_, i) => VALUE[dtype](i));
  if (given.length !== size) throw new Error(`${given.length} values for the shape [${shape}]`);
  return { dtype, shape, values: given };
}

export const f32 = (shape, values) => tensor('float32', shape, values);
export const i32 = (shape, values) => tensor('int32', shape, values);
export const bool = (shape, values) => tensor('bool', shape, values);
export const text = (shape, values) => tensor('string', shape, values);

/** Numbers of one sign, for logarithms, variances and weights. */
export const positive = (shape) =>
  f32(
    shape,
    tensor('float32', shape).values.map((value) => Math.abs(value) + 0.1),
  );

/** Zero-size, scalar, one, odd, not a multiple of four, more dimensions, large. */
export const SHAPES = [[0], [2, 0, 3], [], [1], [3], [5], [17], [7, 3], [2, 3, 5], [4099]];

export const SPECIAL = {
  float32: [NaN, Infinity, -Infinity, 0, -0, 1e-40, 1e38, -1e38, 0.5, -0.5, 1.5, 2.5, 88.5, -88.5, 1, -1, 3e9, 256, 0.25],
  int32: [-(2 ** 31), 2 ** 31 - 1, 0, 1, -1, 255, 256, -5, 7, 46341, 16777217],
  bool: [0, 1, 1, 0, 1],
};

export const named = (shape) => `[${shape.join(',')}]`;
