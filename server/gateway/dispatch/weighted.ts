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

/**
 * Picks by a key, always the same for the same key: weighted rendezvous hashing (Schindelhauer and Schomaker 2005). Each item gets its
 * weight's share of all keys, and a change of weights moves no more keys than it must.
 * @param idOf what an item is told apart by, in every process alike
 */
export function pickByKey<T extends { readonly weight: number }>(items: readonly T[], idOf: (item: T) => string, key: string): T | undefined {
  let best: T | undefined;
  let bestScore = -Infinity;
  for (const item of items) {
    if (!(item.weight > 0)) continue;
    const score = -item.weight / Math.log(uniform(`${idOf(item)} ${key}`));
    if (score > bestScore) {
      bestScore = score;
      best = item;
    }
  }
  return best;
}

/** A number between 0 and 1, both excluded, that looks random and depends on the text alone: FNV-1a, mixed as MurmurHash3 ends. */
function uniform(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
