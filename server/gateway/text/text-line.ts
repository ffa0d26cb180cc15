/** Texts that wait for the process that reads and writes them: in turns between their callers, and not more than a gateway can hold. */
import type { HeldBytes } from '../held-bytes.js';
import { MAX_TEXTS_WAITING } from '../limits.js';

export interface WaitingText {
  readonly caller: string;
  /** What it holds while it waits. */
  readonly bytes: number;
}

export class TextLine<T extends WaitingText> {
  /** In the order of their turns; only callers with a waiting text. */
  private readonly callers = new Map<string, T[]>();
  private length = 0;

  constructor(private readonly held: HeldBytes) {}

  /**
   * Takes a text. Where there is no room, those that hold more of it than its caller would give up their newest ones.
   * @returns who is refused: some of those that waited, or this one
   */
  join(text: T): T[] {
    const refused: T[] = [];
    const own = this.callers.get(text.caller) ?? [];
    while (this.length >= MAX_TEXTS_WAITING || !this.held.hasRoom('texts', text.bytes)) {
      const most = this.greediest();
      if (most === own || this.shareOf(most) <= this.shareOf([...own, text])) return [...refused, text];
      const newest = most[most.length - 1]!;
      this.leave(newest);
      refused.push(newest);
    }
    own.push(text);
    this.callers.set(text.caller, own);
    this.count(1, text);
    return refused;
  }

  /** @returns whether it was there */
  leave(text: T): boolean {
    const own = this.callers.get(text.caller);
    const place = own?.indexOf(text) ?? -1;
    if (!own || place < 0) return false;
    own.splice(place, 1);
    if (own.length === 0) this.callers.delete(text.caller);
    this.count(-1, text);
    return true;
  }

  /** Takes the oldest text of the caller whose turn it is. */
  take(): T | undefined {
    for (const [caller, own] of this.callers) {
      const [oldest] = own;
      this.leave(oldest!);
      this.callers.delete(caller);
      if (own.length > 0) this.callers.set(caller, own);
      return oldest;
    }
    return undefined;
  }

  private greediest(): T[] {
    let most: T[] = [];
    for (const own of this.callers.values()) if (this.shareOf(own) > this.shareOf(most)) most = own;
    return most;
  }

  private count(change: 1 | -1, { bytes }: T): void {
    this.length += change;
    this.held.count('texts', change, change * bytes);
  }

  /** Of what there is room for. */
  private shareOf(texts: readonly WaitingText[]): number {
    const bytes = texts.reduce((sum, text) => sum + text.bytes, 0);
    return Math.max(texts.length / MAX_TEXTS_WAITING, bytes / this.held.limitOf('texts'));
  }
}
