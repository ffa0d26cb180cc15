/** A line of requests that wait, and a place in it. */
import type { Pending } from './pending.js';

/** Where a request stands in one line. */
export class Place {
  line: Line | undefined;
  before: Place | undefined;
  after: Place | undefined;

  constructor(readonly pending: Pending) {}
}

/** A line in the order of arrival, from whose middle one may leave at no cost. */
export class Line {
  length = 0;
  private first: Place | undefined;
  private last: Place | undefined;

  get head(): Pending | undefined {
    return this.first?.pending;
  }

  get tail(): Pending | undefined {
    return this.last?.pending;
  }

  /** Takes the place that its arrival gives it: the last, unless it comes back from a replica or another line. */
  join(place: Place): void {
    const { arrivedAt } = place.pending.call;
    let before = this.last;
    // Those that come back are older than nearly all who wait: they are looked for from the front.
    if (before && before.pending.call.arrivedAt > arrivedAt) {
      before = undefined;
      for (let next = this.first; next && next.pending.call.arrivedAt <= arrivedAt; next = next.after) before = next;
    }
    this.insert(place, before);
  }

  remove(place: Place): void {
    if (place.line !== this) return;
    if (place.before) place.before.after = place.after;
    else this.first = place.after;
    if (place.after) place.after.before = place.before;
    else this.last = place.before;
    place.line = place.before = place.after = undefined;
    this.length--;
  }

  private insert(place: Place, before: Place | undefined): void {
    const after = before ? before.after : this.first;
    place.line = this;
    place.before = before;
    place.after = after;
    if (before) before.after = place;
    else this.first = place;
    if (after) after.before = place;
    else this.last = place;
    this.length++;
  }
}
