/** Smooth weighted round-robin: over any run of picks as long as the sum of (whole) weights, each is picked exactly its weight's times, evenly spread. */
export interface Weighted {
  readonly weight: number;
  /** What it is owed so far; kept between picks. */
  credit: number;
}

/** Picks the next; undefined when no weight is above zero. */
export function pickWeighted<T extends Weighted>(items: readonly T[]): T | undefined {
  // One target is the common case.
  if (items.length === 1) return items[0]!.weight > 0 ? items[0] : undefined;
  let total = 0;
  let best: T | undefined;
  for (const item of items) {
    if (!(item.weight > 0)) continue;
    item.credit += item.weight;
    total += item.weight;
    if (best === undefined || item.credit > best.credit) best = item;
  }
  if (best) best.credit -= total;
  return best;
}
