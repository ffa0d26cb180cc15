/** A queue of keys: a key is worked on by one at a time, and one that comes while it is worked on is worked on once more. */
export interface WorkQueueOptions {
  readonly concurrency: number;
  /** Does the work of a key; answers when to come back to it, null when only a change can make a difference. */
  readonly work: (key: string) => Promise<Date | null>;
  /** Told of each failure; the key comes back after a delay that grows. Answering false gives the key up. */
  readonly onError: (key: string, error: unknown) => boolean;
}

const RETRY_MS = [100, 500, 2_000, 5_000, 15_000];

export class WorkQueue {
  private readonly waiting = new Set<string>();
  private readonly running = new Map<string, Promise<void>>();
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly failures = new Map<string, number>();
  private closed = false;

  constructor(private readonly options: WorkQueueOptions) {}

  add(key: string): void {
    if (this.closed) return;
    this.waiting.add(key);
    this.next();
  }

  /** Resolves when nothing waits and nothing is under way, timers aside. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  /** Takes nothing new and waits for what is under way. */
  async close(): Promise<void> {
    this.closed = true;
    this.waiting.clear();
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    await Promise.all(this.running.values());
  }

  private next(): void {
    for (const key of this.waiting) {
      if (this.running.size >= this.options.concurrency) return;
      if (this.running.has(key)) continue;
      this.waiting.delete(key);
      clearTimeout(this.timers.get(key));
      this.timers.delete(key);
      this.running.set(key, this.run(key));
    }
  }

  private async run(key: string): Promise<void> {
    try {
      const again = await this.options.work(key);
      this.failures.delete(key);
      if (again) this.later(key, Math.max(0, again.getTime() - Date.now()));
    } catch (error) {
      const failures = this.failures.get(key) ?? 0;
      this.failures.set(key, failures + 1);
      if (this.options.onError(key, error)) this.later(key, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]!);
    } finally {
      this.running.delete(key);
      this.next();
    }
  }

  private later(key: string, ms: number): void {
    if (this.closed || this.waiting.has(key)) return;
    clearTimeout(this.timers.get(key));
    this.timers.set(
      key,
      setTimeout(() => this.add(key), ms),
    );
  }
}
