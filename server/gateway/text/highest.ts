/** The highest of many values, without putting all of them in order. */

/** Numbers or bigints, all of one kind. */
export interface Ranked {
  readonly length: number;
  readonly [index: number]: number | bigint;
}

/**
 * Indices of the `count` highest values, highest first, lower index first between equals; NaN is lower than any. Takes the time of
 * `length * log(count)`, and the memory of `count`.
 */
export function highest(values: Ranked, count: number): number[] {
  const size = Math.min(count, values.length);
  // A heap whose root is the lowest of those found so far: what does not beat it costs one comparison.
  const heap = Array.from({ length: size }, (_, i) => i);
  for (let at = (size >>> 1) - 1; at >= 0; at--) sink(heap, at, values);
  for (let i = size; size > 0 && i < values.length; i++) {
    if (!isLower(values, heap[0]!, i)) continue;
    heap[0] = i;
    sink(heap, 0, values);
  }
  return heap.sort((i, j) => (isLower(values, i, j) ? 1 : -1));
}

/** Puts the entry below all that are lower than it. */
function sink(heap: number[], from: number, values: Ranked): void {
  const moved = heap[from]!;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isLower(values, heap[child + 1]!, heap[child]!)) child++;
    if (!isLower(values, heap[child]!, moved)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = moved;
}

function isLower(values: Ranked, i: number, j: number): boolean {
  const [a, b] = [values[i]!, values[j]!];
  if (a < b) return true;
  if (a > b) return false;
  if (a === b) return i > j;
  const aIsNumber = !Number.isNaN(a);
  // At least one is NaN.
  return aIsNumber === !Number.isNaN(b) ? i > j : !aIsNumber;
}
