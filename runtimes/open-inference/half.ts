/** IEEE 754 half precision, for Node 20 has no Float16Array. */

/** Adding and taking away 2^52 leaves a double rounded to an integer, ties to even: what the FPU does anyway. */
const ROUNDING = 2 ** 52;
/** The first magnitude that rounds to infinity: half a unit beyond the largest half, 65504. */
const OVERFLOW = 65520;
const SMALLEST_NORMAL = 2 ** -14;
const SUBNORMAL_UNITS = 2 ** 24;

/**
 * The bit pattern of the half nearest to a number, ties to even; straight from the double, because a stop at single precision
 * would round twice.
 */
export function halfBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= OVERFLOW) return sign | 0x7c00;
  if (magnitude < SMALLEST_NORMAL) return sign | (magnitude * SUBNORMAL_UNITS + ROUNDING - ROUNDING);
  let exponent = Math.floor(Math.log2(magnitude));
  // The logarithm may round up across a power of two.
  if (2 ** exponent > magnitude) exponent--;
  const mantissa = magnitude * 2 ** (10 - exponent) + ROUNDING - ROUNDING;
  // A mantissa that was rounded up to 2048 carries into the exponent by itself.
  return sign | (((exponent + 15) << 10) + (mantissa - 1024));
}

/** The number a half's bit pattern stands for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return (sign * mantissa) / SUBNORMAL_UNITS;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}
