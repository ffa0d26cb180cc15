/**
 * Runs monitors by their cron expressions, in the leader alone. Level-triggered: the set of schedules is compared with the database
 * after each change and every few seconds, so that a change made through another server, or a lost wake-up, is picked up too.
 */
import type { Logger } from 'pino';
import { NotLeaderError, type Fence } from '../database/leadership.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { LeaderLoop } from '../leader-loop.js';
import { schedule, type ScheduledTask } from '../schedule.js';
import type { MonitorRunner } from './monitor-runner.js';
import type { MonitorService } from './monitor.service.js';
import { MonitorEntity } from './monitoring.entities.js';
import { pruneMonitoring } from './monitoring-retention.js';

export const MONITOR_ACTOR = 'system:monitor';

export interface MonitorSchedulerDependencies {
  readonly work: UnitOfWork;
  readonly runner: MonitorRunner;
  readonly monitors: MonitorService;
  readonly log: Logger;
  readonly clock?: () => Date;
}

interface Scheduled {
  readonly cron: string;
  readonly task: ScheduledTask;
}

const RESYNC = '*/5 * * * * *';
const PRUNE = '17 */10 * * * *';

export class MonitorScheduler {
  private readonly scheduled = new Map<string, Scheduled>();
  private readonly running = new Set<Promise<unknown>>();
  private term: { readonly fence: Fence; readonly signal: AbortSignal } | undefined;
  private readonly comparisons: LeaderLoop;
  private readonly prunes: LeaderLoop;

  constructor(private readonly parts: MonitorSchedulerDependencies) {
    const { work, log, clock = () => new Date() } = parts;
    this.comparisons = new LeaderLoop({
      name: 'list of monitors',
      every: RESYNC,
      run: (fence, signal) => this.compare(fence, signal),
      failure: 'the monitors could not be listed; the next look is in a few seconds',
      log,
    });
    this.prunes = new LeaderLoop({
      name: 'removal of old metric windows',
      every: PRUNE,
      run: (fence) => pruneMonitoring(work.dataSource, fence, clock()),
      failure: 'old metric windows could not be removed; the next try is in ten minutes',
      log,
    });
  }

  /** Schedules until `signal` aborts. */
  lead(fence: Fence, signal: AbortSignal): void {
    this.term = { fence, signal };
    this.comparisons.lead(fence, signal);
    this.prunes.lead(fence, signal);
    signal.addEventListener('abort', () => {
      if (this.term?.fence === fence) this.term = undefined;
      for (const id of [...this.scheduled.keys()]) this.unschedule(id);
    });
    void this.sync();
  }

  /** The set of monitors changed. Does nothing where another server leads. */
  changed(): void {
    void this.sync();
  }

  /** Ids of the monitors that are scheduled here now. */
  get ids(): readonly string[] {
    return [...this.scheduled.keys()].sort();
  }

  /** Waits for the comparison and the runs under way. */
  async idle(): Promise<void> {
    await Promise.all([this.comparisons.idle(), this.prunes.idle()]);
    await Promise.allSettled(this.running);
  }

  /** Makes the schedules what the database says. */
  sync(): Promise<void> {
    return this.comparisons.wake();
  }

  /** One run, as the schedule does it. Never rejects. */
  async tick(monitorId: string): Promise<void> {
    const { runner, log } = this.parts;
    const { term } = this;
    if (!term) return;
    try {
      if (!(await runner.run(MONITOR_ACTOR, monitorId, term.fence))) await this.sync();
    } catch (error) {
      if (error instanceof NotLeaderError) return;
      const faultId = crypto.randomUUID();
      log.error({ err: error, monitorId, faultId }, 'a run of a monitor failed');
      const reason = `the run failed inside Pilothouse; the server's log says why under ${faultId}`;
      await runner.recordFailure(MONITOR_ACTOR, monitorId, reason, term.fence).catch((again: unknown) => {
        if (!(again instanceof NotLeaderError)) log.warn({ err: again, monitorId }, 'the failed run could not be recorded either');
      });
    }
  }

  private async compare(fence: Fence, signal: AbortSignal): Promise<void> {
    const rows: { id: string; cron: string; gone: boolean }[] = await this.parts.work.dataSource.query(
      `SELECT m.id, m.cron, d.deletion_requested_at IS NOT NULL AS gone FROM monitor m JOIN deployment d ON d.id = m.deployment_id WHERE m.deleted_at IS NULL`,
    );
    // The lead may have been lost while the query ran: nothing is scheduled then.
    if (signal.aborted) return;
    const wanted = new Map(rows.filter((row) => !row.gone).map((row) => [row.id, row.cron]));
    for (const [id, { cron }] of this.scheduled) if (wanted.get(id) !== cron) this.unschedule(id);
    for (const [id, cron] of wanted) if (!this.scheduled.has(id)) this.schedule(id, cron);
    for (const { id, gone } of rows) if (gone) await this.retire(id, fence);
  }

  private schedule(id: string, cron: string): void {
    const task = schedule(cron, `monitor ${id}`, this.parts.log, () => this.track(this.tick(id)));
    this.scheduled.set(id, { cron, task });
  }

  private unschedule(id: string): void {
    this.scheduled.get(id)?.task.destroy();
    this.scheduled.delete(id);
  }

  /** Ends the monitor of a deployment that is going, and its alerts with it. */
  private async retire(id: string, fence: Fence): Promise<void> {
    await this.parts.work.run(MONITOR_ACTOR, async (change) => {
      await fence.check(change.manager);
      const monitor = await change.manager.findOne(MonitorEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (monitor && !monitor.deletedAt) await this.parts.monitors.retire(change, monitor, 'the deployment was deleted');
    });
  }

  private track(work: Promise<void>): Promise<void> {
    this.running.add(work);
    return work.finally(() => this.running.delete(work));
  }
}
