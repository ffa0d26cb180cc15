/**
 * One change: its rows, its events and its audit entries in one transaction, and the wake-ups after the commit. Every change that a
 * caller or the reconciler makes runs here, so that none can forget one of them (docs/decisions/0001-one-unit-of-work.md).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { Topic, Topics } from '../events/topics.js';
import { AuditEntryEntity, EventEntity } from './change.entities.js';
import { NOTIFICATION } from './notification-names.js';
import { aboutToCommit, outcomeOf, type Commit, type WrittenRow } from './commit-outcome.js';
import type { Notifier } from './notifications.js';
import { reasonOfFailure } from './server-connection.js';
import { UnconfirmedError } from './unconfirmed-error.js';

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
  /** Names the key by which the caller can ask again, for when it cannot be told whether the change was made. */
  repeatableBy(idempotencyKey: string): void;
  /** Runs once the change is committed, in this process only; level-triggered work must not depend on it. */
  afterCommit(callback: () => void): void;
}

/** How long the outcome of a COMMIT without an answer is looked up: a database that crashed is back within some seconds. */
const PATIENCE_MS = 15_000;

export class UnitOfWork {
  private readonly shared = new AsyncLocalStorage<Change>();

  constructor(
    readonly dataSource: DataSource,
    private readonly notifier: Notifier,
    private readonly clock: () => Date = () => new Date(),
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** What reads go through: the shared change's transaction inside `runTogether`, the pool elsewhere. */
  get manager(): EntityManager {
    return this.shared.getStore()?.manager ?? this.dataSource.manager;
  }

  /** Makes several changes in one transaction: each `run` inside `work` becomes a part of it. */
  runTogether<R>(actor: Actor, work: (change: Change) => Promise<R>): Promise<R> {
    return this.run(actor, (change) => this.shared.run(change, () => work(change)));
  }

  /**
   * Makes a change. When this throws anything but an UnconfirmedError, nothing was changed.
   * @throws what the work throws; ConnectionLostError; UnconfirmedError where the answer to COMMIT was lost and the database cannot be asked
   */
  async run<R>(actor: Actor, work: (change: Change) => Promise<R>): Promise<R> {
    const shared = this.shared.getStore();
    if (shared) return work(shared);
    const wakes = new Set<string>();
    const callbacks: (() => void)[] = [];
    let runner: QueryRunner | undefined;
    let key: string | undefined;
    let written: WrittenRow | undefined;
    let made: { readonly result: R; readonly commit: Commit } | undefined;
    const transaction = this.dataSource.transaction(async (manager) => {
      runner = manager.queryRunner;
      const now = this.clock();
      const change: Change = {
        manager,
        actor,
        now,
        emit: async ({ topic, subjectId, projectId, type, payload }) => {
          const event = { topic, subjectId, projectId, type, actor, payload: payload as unknown as Record<string, never>, at: now };
          const { identifiers } = await manager.insert(EventEntity, event);
          written ??= { table: 'event', sequence: String(identifiers[0]!['sequence']), at: now, actor };
          wakes.add(NOTIFICATION.UNSEQUENCED);
        },
        audit: async ({ action, objectType, objectId, projectId, detail = {} }) => {
          const entry = { at: now, actor, action, objectType, objectId, projectId, detail: detail as Record<string, never> };
          const { identifiers } = await manager.insert(AuditEntryEntity, entry);
          written ??= { table: 'audit_entry', sequence: String(identifiers[0]!['sequence']), at: now, actor };
        },
        wake: (channel) => wakes.add(channel),
        repeatableBy: (idempotencyKey) => (key = idempotencyKey),
        afterCommit: (callback) => callbacks.push(callback),
      };
      const result = await work(change);
      made = { result, commit: await aboutToCommit(manager, written) };
      return result;
    });
    const result = await transaction.catch(async (error: unknown) => {
      const reason = await reasonOfFailure(error, runner);
      if (!made || wasRefused(error)) throw reason;
      const outcome = await outcomeOf(this.dataSource, made.commit, this.patienceMs);
      if (outcome === 'UNKNOWN') throw UnconfirmedError.maybe(key, reason);
      if (outcome === 'ABORTED') throw reason;
      return made.result;
    });
    for (const channel of wakes) this.notifier.wake(channel);
    for (const callback of callbacks) callback();
    return result;
  }
}

/** Whether PostgreSQL itself refused the commit. Its message when it ends a connection does not count. */
function wasRefused(error: unknown): boolean {
  return (error as { driverError?: { severity?: unknown } } | undefined)?.driverError?.severity === 'ERROR';
}
