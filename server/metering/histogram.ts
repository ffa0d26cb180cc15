/**
 * Latency histograms with fixed bounds, so that those of any windows, gateways and targets can be added up.
 * Bounds grow by 2^(1/4), about 19 %: a quantile read from a bucket is off by at most that, over 50 µs to 120 s.
 */

const FIRST_MS = 0.05;
const STEPS_PER_DOUBLING = 4;
const BOUNDS = 86;

/** Upper bounds of the buckets in milliseconds, inclusive. One more bucket follows them, for everything slower. */
export const BOUNDS_MS: readonly number[] = Array.from({ length: BOUNDS }, (_, i) => FIRST_MS * 2 ** (i / STEPS_PER_DOUBLING));
export const BUCKETS = BOUNDS + 1;

/** The bucket of a duration. */
export function bucketOf(ms: number): number {
  if (!(ms > FIRST_MS)) return 0;
  const guess = Math.min(Math.ceil(Math.log2(ms / FIRST_MS) * STEPS_PER_DOUBLING), BOUNDS);
  // The logarithm may round across a bound; the bounds themselves decide.
  if (guess > 0 && ms <= BOUNDS_MS[guess - 1]!) return guess - 1;
  return guess < BOUNDS && ms > BOUNDS_MS[guess]! ? guess + 1 : guess;
}

/** Upper bounds of the batch sizes' buckets in rows, inclusive. One more bucket follows them. */
export const BATCH_SIZE_BOUNDS: readonly number[] = Array.from({ length: 13 }, (_, i) => 2 ** i);
export const BATCH_SIZE_BUCKETS = BATCH_SIZE_BOUNDS.length + 1;

/** The bucket of a batch. @param rows a whole number */
export const batchSizeBucketOf = (rows: number): number => (rows <= 1 ? 0 : Math.min(32 - Math.clz32(rows - 1), BATCH_SIZE_BOUNDS.length));

/** Adds `from` to `into`, bucket by bucket. */
export function addCounts(into: number[], from: readonly (number | string)[]): void {
  from.forEach((count, i) => {
    into[i] = (into[i] ?? 0) + Number(count);
  });
}

/**
 * The q-quantile in milliseconds, interpolated within its bucket; null for an empty histogram. What lies beyond the last
 * bound is reported as the last bound.
 */
export function quantile(counts: readonly number[], q: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    if (count > 0 && below + count >= rank) {
      if (i >= BOUNDS) return BOUNDS_MS[BOUNDS - 1]!;
      const low = i === 0 ? 0 : BOUNDS_MS[i - 1]!;
      return low + (BOUNDS_MS[i]! - low) * Math.max(0, (rank - below) / count);
    }
    below += count;
  }
  return BOUNDS_MS[BOUNDS - 1]!;
}
