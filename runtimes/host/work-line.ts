/** Requests waiting for the model, first come, first served, and at most `limit` of them under way. */
export interface Job {
  /** Whether it has begun. */
  started: boolean;
  readonly cancel: AbortController;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const READ_SOCKETS_AFTER_MS = 2;

export class WorkLine {
  private readonly waiting = new Set<Job>();
  private running = 0;
  private idle: (() => void) | undefined;
  /** A long job has just ended, and the sockets are read before the next begins. */
  private listening = false;

  constructor(private readonly limit: number) {}

  get underWay(): number {
    return this.running;
  }

  /** Waiting and under way. */
  get size(): number {
    return this.waiting.size + this.running;
  }

  /** @param run must not reject. */
  add(run: Job['run']): Job {
    const job: Job = { started: false, cancel: new AbortController(), run };
    this.waiting.add(job);
    this.next();
    return job;
  }

  /** Drops a job that waits; one under way is told by its signal. */
  drop(job: Job): void {
    this.waiting.delete(job);
    if (job.started) job.cancel.abort();
    this.settle();
  }

  /** Resolves when nothing waits and nothing is under way. */
  whenIdle(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.idle = resolve));
  }

  private next(): void {
    while (this.running < this.limit && !this.listening) {
      const [job] = this.waiting;
      if (!job) return;
      this.waiting.delete(job);
      this.running += 1;
      job.started = true;
      const began = performance.now();
      void job.run(job.cancel.signal).finally(() => {
        this.running -= 1;
        this.settle();
        this.afterJob(performance.now() - began);
      });
    }
  }

  /**
   * A library that computed on this thread kept the sockets unread meanwhile: what was cancelled while it waited must not be
   * begun before they are. Two immediates, because the first comes before the next look at the sockets where the job
   * ended in their own turn. A short job is not worth a turn.
   */
  private afterJob(lastedMs: number): void {
    if (lastedMs < READ_SOCKETS_AFTER_MS) return this.next();
    // Also where nothing waits yet: the next look at the sockets may bring requests and their cancellations in one piece.
    this.listening = true;
    setImmediate(() =>
      setImmediate(() => {
        this.listening = false;
        this.next();
      }),
    );
  }

  private settle(): void {
    if (this.size > 0) return;
    this.idle?.();
    this.idle = undefined;
  }
}
