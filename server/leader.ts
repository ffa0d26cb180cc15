/** This server as the leader: stands for leadership, and runs what the features do while it leads. */
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { Leadership, type Fence } from './database/leadership.js';
import { hostIdentity } from './engines/host-identity.js';
import type { RunningFeature } from './feature.js';
import { housekeeping } from './housekeeping.js';
import type { LeaderLoop } from './leader-loop.js';

export interface LeaderOptions {
  readonly url: string;
  readonly home: string;
  readonly log: Logger;
}

/** A server that was not the leader becomes it within this time when it is the last. */
const LEAD_MS = 2_000;

export class Leader {
  /** What this server's writes as the leader carry; undefined while another server leads. */
  fence: Fence | undefined;
  private readonly leadership: Leadership;
  private readonly waiting: (() => void)[] = [];
  private features: readonly RunningFeature[] = [];
  private housekeeping: LeaderLoop | undefined;

  constructor(private readonly options: LeaderOptions) {
    const { url, home, log } = options;
    this.leadership = new Leadership({
      url,
      ...hostIdentity(home),
      holder: `${hostname()}:${process.pid}`,
      onError: (error) => log.warn({ err: error }, 'the lead was lost or could not be had'),
      lead: (fence, signal) => this.begin(fence, signal),
    });
  }

  /** Takes the lock, where it is free, without leading yet. @throws DomainError FAILED_PRECONDITION where this server may not lead */
  join(): Promise<void> {
    return this.leadership.join();
  }

  /** Stands for leadership until closed. @param features whose work it begins whenever it leads */
  async start(features: readonly RunningFeature[]): Promise<void> {
    this.features = features;
    this.housekeeping = housekeeping(features, this.options.log);
    await this.leadership.start();
  }

  /** The fence, once this server leads; undefined where it does not within 2 s. */
  async wait(): Promise<Fence | undefined> {
    if (this.fence) return this.fence;
    await Promise.race([new Promise<void>((resolve) => this.waiting.push(resolve)), new Promise((resolve) => setTimeout(resolve, LEAD_MS).unref())]);
    return this.fence;
  }

  /** Gives leadership up, and waits for what was under way. The last features end first. */
  async close(): Promise<void> {
    const { log } = this.options;
    await quietly(log, () => this.leadership.close());
    await this.housekeeping?.idle();
    for (const feature of this.features.toReversed()) await quietly(log, async () => feature.idle?.());
  }

  private begin(fence: Fence, signal: AbortSignal): void {
    this.options.log.info({ epoch: fence.epoch }, 'this server leads');
    this.fence = fence;
    signal.addEventListener('abort', () => (this.fence = undefined));
    void quietly(this.options.log, () => this.work(fence, signal));
    for (const tell of this.waiting.splice(0)) tell();
  }

  /** The features up to the first that has to be waited for begin at once, before this returns. */
  private async work(fence: Fence, signal: AbortSignal): Promise<void> {
    for (const feature of this.features) {
      const begun = feature.lead?.(fence, signal);
      if (begun) await begun;
      if (signal.aborted) return;
    }
    this.housekeeping!.lead(fence, signal);
  }
}

/** Goes on whatever one part says. */
export async function quietly(log: Logger, work: () => Promise<unknown>): Promise<void> {
  await work().catch((error: unknown) => log.warn({ err: error }, 'a part did not end as it should'));
}
