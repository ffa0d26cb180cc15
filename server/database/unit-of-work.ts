/**
 * One change: its rows, its events and its audit entries in one transaction, and the wake-ups after the commit. Nothing else
 * in the server opens a transaction, so that no change can forget one of them.
 */
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { AuditEntryEntity } from '../access/access.entities.js';
import { EventEntity } from '../events/event.entities.js';
import type { Topic, Topics } from '../events/topics.js';
import { CHANNEL } from '../gateway/route.js';
import type { Notifier } from './notifications.js';
import { reasonOfFailure } from './server-connection.js';

/** Who acts: `token:<name>` for a caller, `system:<part>` for what Pilothouse decides itself. */
export type Actor = string;

export interface NewEvent<T extends Topic> {
  readonly topic: T;
  /** Id of the aggregate. Its row must be locked in this transaction: that is what keeps its events in order. */
  readonly subjectId: string;
  readonly projectId: string | null;
  /** What happened, in the past tense and capitals: `REPLICA_READY`. */
  readonly type: string;
  readonly payload: Topics[T];
}

export interface NewAuditEntry {
  readonly action: string;
  readonly objectType: string;
  readonly objectId: string;
  readonly projectId: string | null;
  readonly detail?: Record<string, unknown>;
}

/** A transaction under way. */
export interface Change {
  readonly manager: EntityManager;
  readonly actor: Actor;
  readonly now: Date;
  emit<T extends Topic>(event: NewEvent<T>): Promise<void>;
  audit(entry: NewAuditEntry): Promise<void>;
  /** Wakes the listeners of a channel once the change is committed. */
  wake(channel: string): void;
  /** Runs once the change is committed, in this process only; level-triggered work must not depend on it. */
  afterCommit(callback: () => void): void;
}

export class UnitOfWork {
  constructor(
    readonly dataSource: DataSource,
    private readonly notifier: Notifier,
    private readonly clock: () => Date = () => new Date(),
  ) {}

  /** @throws what the work throws, and ConnectionLostError */
  async run<R>(actor: Actor, work: (change: Change) => Promise<R>): Promise<R> {
    const wakes = new Set<string>();
    const callbacks: (() => void)[] = [];
    let runner: QueryRunner | undefined;
    const transaction = this.dataSource.transaction(async (manager) => {
      runner = manager.queryRunner;
      const now = this.clock();
      const change: Change = {
        manager,
        actor,
        now,
        emit: async ({ topic, subjectId, projectId, type, payload }) => {
          await manager.insert(EventEntity, { topic, subjectId, projectId, type, actor, payload: payload as unknown as Record<string, never>, at: now });
          wakes.add(CHANNEL.UNSEQUENCED);
        },
        audit: async ({ action, objectType, objectId, projectId, detail = {} }) => {
          await manager.insert(AuditEntryEntity, { at: now, actor, action, objectType, objectId, projectId, detail: detail as Record<string, never> });
        },
        wake: (channel) => wakes.add(channel),
        afterCommit: (callback) => callbacks.push(callback),
      };
      return work(change);
    });
    const result = await transaction.catch(async (error: unknown) => {
      throw await reasonOfFailure(error, runner);
    });
    for (const channel of wakes) this.notifier.wake(channel);
    for (const callback of callbacks) callback();
    return result;
  }
}
