/** The replicas of one target: which of them takes the next message. */
import type { Batch } from '../dispatch/batch.js';
import { Lane, type Link } from './lane.js';
import { OutlierEjection, type OutlierEjectionOptions } from './outlier-ejection.js';
import { NotExecutedError } from './transport.js';
import { GatewayError } from '../gateway-error.js';

export class Lanes {
  private lanes: readonly Lane[] = [];
  private maxConcurrency = 1;
  private turn = 0;
  private readonly ejection: OutlierEjection;

  constructor(private readonly options: OutlierEjectionOptions) {
    this.ejection = new OutlierEjection(options);
  }

  get available(): boolean {
    return this.lanes.some(({ link }) => link.usable);
  }

  /** Replicas that are connected and not ejected. One that is tried after an ejection has yet to show that it serves. */
  get usable(): number {
    return this.lanes.filter(({ link, standing }) => link.usable && standing === 'IN').length;
  }

  /** Replicas that stay keep their standing and what is under way. */
  update(links: readonly Link[], maxConcurrency: number): void {
    const known = new Map(this.lanes.map((lane) => [lane.link, lane]));
    this.lanes = links.map((link) => known.get(link) ?? new Lane(link));
    this.maxConcurrency = maxConcurrency;
    this.ejection.update(this.lanes);
  }

  close(): void {
    this.ejection.close();
  }

  /** The replica with the least outstanding work that may take one more message; between equals, in turn. */
  freest(except?: Lane): Lane | undefined {
    const { lanes, turn } = this;
    const { length } = lanes;
    const desperate = this.mustUseEjected();
    let best: Lane | undefined;
    let bestAt = 0;
    for (let i = 0; i < length; i++) {
      const at = (turn + i) % length;
      const lane = lanes[at]!;
      if (lane === except || !lane.open(this.maxConcurrency) || (lane.standing === 'OUT' && !desperate)) continue;
      if (best && lane.rows >= best.rows) continue;
      best = lane;
      bestAt = at;
    }
    if (best) this.turn = (bestAt + 1) % length;
    return best;
  }

  /** The one that will run dry first. */
  leastBusy(): Lane | undefined {
    const desperate = this.mustUseEjected();
    let best: Lane | undefined;
    for (const lane of this.lanes) {
      if (!lane.link.usable || lane.exclusive || (lane.standing === 'OUT' && !desperate)) continue;
      if (!best || lane.batches.size < best.batches.size) best = lane;
    }
    return best;
  }

  sent(batch: Batch): void {
    batch.lane.begin(batch);
    this.ejection.sent();
  }

  answered(batch: Batch, now: number): void {
    batch.lane.end(batch);
    this.ejection.answered(batch.lane, batch.sentAt, now);
  }

  failed(batch: Batch, error: Error): void {
    const { lane } = batch;
    lane.end(batch);
    if (error instanceof NotExecutedError) return;
    if (error instanceof GatewayError && error.kind === 'INVALID') this.ejection.answered(lane, batch.sentAt, this.options.now());
    else this.ejection.failed(lane, error.message, error instanceof GatewayError);
  }

  abandoned(batch: Batch, late: boolean): void {
    batch.lane.end(batch);
    if (late) this.ejection.late(batch.lane, batch.sentAt);
  }

  /** Whatever else there was is gone. */
  private mustUseEjected(): boolean {
    for (const lane of this.lanes) if (lane.standing !== 'OUT' && lane.link.usable) return false;
    return true;
  }
}
