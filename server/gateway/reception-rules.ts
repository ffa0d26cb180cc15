/** Rules for requests that are being received: which of them come too slowly, and which one ends when there is no room. Pure. */
import { RECEPTION_SLOW_MS, REQUEST_TIMEOUT_MS } from './limits.js';

/** How far a request has come. Times are in ms, of one clock. */
export interface Progress {
  /** Memory that the request takes so far. */
  readonly bytes: number;
  readonly startedAt: number;
  /** The last time at which it came at `RECEPTION_MIN_RATE` or faster; first the time of its start. */
  readonly briskAt: number;
  /** An earlier point of it, one to two seconds ago, from which its rate is measured. */
  readonly mark: { readonly bytes: number; readonly at: number };
}

export type Lateness = 'slow' | 'late';

/** The least time over which a rate is measured. */
const MIN_SPAN_MS = 100;

/** In bytes per second, over the last one to two seconds. */
export const rateOf = ({ bytes, mark }: Progress, now: number): number => ((bytes - mark.bytes) * 1_000) / Math.max(now - mark.at, MIN_SPAN_MS);

/** Why a request is not received any further; undefined while it may go on. */
export function latenessOf({ startedAt, briskAt }: Progress, now: number): Lateness | undefined {
  if (now - startedAt > REQUEST_TIMEOUT_MS) return 'late';
  return now - briskAt > RECEPTION_SLOW_MS ? 'slow' : undefined;
}

/** The account that holds the most. */
export function greediest<A extends { readonly bytes: number }>(accounts: Iterable<A>): A | undefined {
  let most: A | undefined;
  for (const account of accounts) if (!most || account.bytes > most.bytes) most = account;
  return most;
}

/**
 * Which of one caller's requests ends to make room: of those that hold at least half of the average, the slowest. A small request
 * holds less than that as long as there is a large one, and one that stands still is slower than one that comes.
 * @param requests all of the caller's
 */
export function firstToEnd<P extends Progress>(requests: ReadonlySet<P>, now: number): P | undefined {
  let total = 0;
  for (const { bytes } of requests) total += bytes;
  let chosen: P | undefined;
  let slowest = Infinity;
  for (const request of requests) {
    if (2 * request.bytes * requests.size < total) continue;
    const rate = rateOf(request, now);
    if (rate >= slowest) continue;
    chosen = request;
    slowest = rate;
  }
  return chosen;
}
