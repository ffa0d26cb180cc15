/**
 * Validates what is VALIDATING, in the background. Level-triggered: it looks for such versions when it is woken, and now and then, so
 * that what a crash interrupted is taken up again. Several servers may run one each: a session's advisory lock, which ends with
 * its server, keeps a version to one of them at a time.
 */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { HostCommand } from '../../runtimes/contract.js';
import type { RowIndependence } from '../../runtimes/host/row-independence.js';
import type { QueryRunner } from 'typeorm';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { hostCommand, type HostSettings } from '../engines/host-command.js';
import { DomainError } from '../errors.js';
import type { ArtifactStore } from './artifact-store.js';
import { ModelEntity, type VersionBackend, VersionEntity, VersionFileEntity } from './registry.entities.js';
import { checkJson } from './texts.js';
import type { ValidationRequest, ValidationResult } from './validation.js';

export interface ValidatorOptions {
  readonly work: UnitOfWork;
  readonly store: ArtifactStore;
  readonly validate: (request: ValidationRequest) => Promise<ValidationResult>;
  /** Where files are laid out for validation; servers of one home share it. */
  readonly folder: string;
  /** Outside runtime plugins: names, or absolute paths. */
  readonly outsideModules: readonly string[];
  /** PILOTHOUSE_TFJS_NODE_CACHE. */
  readonly nativeCache?: string | undefined;
  /** For plugins that bring their own host. */
  readonly hosts: HostSettings;
  readonly timeoutMs: number;
  readonly memoryBytes: number;
  readonly log: Logger;
  /** Validations at a time, in this process. */
  readonly concurrency?: number;
  readonly scanMs?: number;
}

/** First key of the advisory locks; the second is a hash of the version's id. Two ids with one hash merely wait for each other. */
const LOCK_CLASS = 0x50494c56;
const MAX_DELAY_MS = 60_000;
const MAX_REASON = 8_000;
const MAX_SIGNATURE_BYTES = 1024 ** 2;
const ACTOR = 'system:validation';

export class VersionValidator {
  private readonly running = new Map<string, Promise<void>>();
  /** Versions that are not looked at before a time: another server has them, or validation could not run. */
  private readonly later = new Map<string, { until: number; failures: number }>();
  private readonly stopping = new AbortController();
  private readonly concurrency: number;
  private readonly scanMs: number;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private lookAgain = false;

  constructor(private readonly options: ValidatorOptions) {
    this.concurrency = options.concurrency ?? 2;
    this.scanMs = options.scanMs ?? 5_000;
  }

  start(): void {
    this.timer = setInterval(() => this.wake(), this.scanMs);
    this.wake();
  }

  /** Something may be there to validate. Never throws. */
  wake(): void {
    if (this.stopping.signal.aborted) return;
    this.lookAgain = true;
    this.looking ??= this.look().finally(() => (this.looking = undefined));
  }

  /** Ends what is under way; its versions stay VALIDATING. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort(new Error('the server is stopping'));
    await this.looking;
    await Promise.all(this.running.values());
  }

  private async look(): Promise<void> {
    while (this.lookAgain && !this.stopping.signal.aborted) {
      this.lookAgain = false;
      try {
        for (const id of await this.waiting()) {
          const done = this.take(id).finally(() => {
            this.running.delete(id);
            this.wake();
          });
          this.running.set(id, done);
        }
      } catch (error) {
        this.options.log.warn({ err: error }, 'versions that wait for validation cannot be read just now');
      }
    }
  }

  /** The oldest versions that there is room for. */
  private async waiting(): Promise<string[]> {
    const room = this.concurrency - this.running.size;
    if (room <= 0) return [];
    const now = performance.now();
    const delayed = [...this.later].filter(([, { until }]) => until > now).map(([id]) => id);
    const rows: { id: string }[] = await this.options.work.dataSource.query(
      `SELECT id FROM version WHERE state = 'VALIDATING' AND id <> ALL($1::uuid[]) ORDER BY created_at, id LIMIT $2`,
      [[...this.running.keys(), ...delayed], room],
    );
    return rows.map((row) => row.id);
  }

  /** Validates a version unless another server does. Never rejects. */
  private async take(id: string): Promise<void> {
    const session = this.options.work.dataSource.createQueryRunner();
    try {
      if (await lock(session, id)) {
        await this.validate(id).finally(() => unlock(session, id));
        this.later.delete(id);
      } else {
        this.later.set(id, { until: performance.now() + this.scanMs, failures: 0 });
      }
    } catch (error) {
      if (!this.stopping.signal.aborted) await this.delay(id, error);
    } finally {
      await session.release().catch(() => undefined);
    }
  }

  private async validate(id: string): Promise<void> {
    const { manager } = this.options.work.dataSource;
    const version = await manager.findOneBy(VersionEntity, { id, state: 'VALIDATING' });
    // Another server was done with it before the lock was free.
    if (!version) return;
    // Named after the version, which is locked: what a killed server left of it is not in use.
    const folder = join(this.options.folder, id);
    await rm(folder, { recursive: true, force: true });
    try {
      await this.record(version, await this.judge(version, join(folder, 'files'), join(folder, 'scratch')));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async judge(version: VersionEntity, folder: string, scratch: string): Promise<ValidationResult> {
    const { work, store, validate, outsideModules, nativeCache, hosts, timeoutMs, memoryBytes } = this.options;
    const files = await work.dataSource.manager.find(VersionFileEntity, { where: { versionId: version.id }, order: { path: 'ASC' } });
    for (const path of [folder, scratch]) await mkdir(path, { recursive: true, mode: 0o700 });
    try {
      for (const { path, digest } of files) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await store.copyTo(digest, join(folder, path));
        this.stopping.signal.throwIfAborted();
      }
    } catch (error) {
      // Bytes that are gone or damaged will be so at the next attempt too.
      if (error instanceof DomainError && error.code !== 'UNAVAILABLE') return { state: 'REJECTED', reason: error.message, logTail: '' };
      throw error;
    }
    const { format, runtime, sample, runtimeOptions: options, declaredSignature } = version;
    const paths = files.map((file) => file.path);
    let host: HostCommand | undefined;
    try {
      const request = { artifact: { folder, files: paths, format }, options, threads: 1, ...hosts, signal: this.stopping.signal };
      host = await hostCommand(runtime, outsideModules, { ...request, progress: (line) => void this.tell(version, line) });
    } catch (error) {
      this.stopping.signal.throwIfAborted();
      if (error instanceof Error && error.name === 'ModelLoadError') return { state: 'REJECTED', reason: error.message, logTail: '' };
      throw error;
    }
    const result = await validate({
      folder,
      files: paths,
      host,
      format,
      runtime,
      sample,
      options,
      declaredSignature,
      scratch,
      outsideModules,
      nativeCache,
      timeoutMs,
      memoryBytes,
      signal: this.stopping.signal,
    });
    return result.state === 'READY' ? storable(result) : result;
  }

  /** Tells waiting clients which long step runs before the model is loaded. */
  private async tell({ id, modelId }: VersionEntity, message: string): Promise<void> {
    await this.options.work
      .run(ACTOR, async (change) => {
        const { projectId } = await change.manager.findOneByOrFail(ModelEntity, { id: modelId });
        await change.emit({ topic: 'version', subjectId: id, projectId, type: 'VALIDATION_PROGRESS', payload: { state: 'VALIDATING', message } });
      })
      // The validation itself says what becomes of the version.
      .catch(() => undefined);
  }

  private async record({ id, number, modelId, runtime }: VersionEntity, result: ValidationResult): Promise<void> {
    await this.options.work.run(ACTOR, async (change) => {
      const row = await change.manager.findOne(VersionEntity, { where: { id, state: 'VALIDATING' }, lock: { mode: 'pessimistic_write' } });
      if (!row) return;
      const { name, projectId } = await change.manager.findOneByOrFail(ModelEntity, { id: modelId });
      const ready = result.state === 'READY';
      const reason = ready ? null : tidy(result.reason, MAX_REASON) || 'validation gave no reason';
      const found = ready
        ? {
            signature: result.signature as never,
            rowIndependence: storedVerdict(result.rowIndependence),
            backend: storedBackend(result),
            memoryBytes: Math.round(result.memoryBytes),
            loadMs: result.loadMs,
            logTail: null,
          }
        : { logTail: tidy(result.logTail, MAX_REASON) };
      await change.manager.update(VersionEntity, { id }, { state: result.state, reason, validatedAt: change.now, ...found });
      const message = ready
        ? `version ${number} of ${name} is READY: ${runtime} loaded it in ${Math.round(result.loadMs)} ms`
        : `version ${number} of ${name} was REJECTED: ${reason}`;
      await change.emit({ topic: 'version', subjectId: id, projectId, type: `VERSION_${result.state}`, payload: { state: result.state, message } });
      await change.audit({
        action: 'validateVersion',
        objectType: 'Version',
        objectId: id,
        projectId,
        detail: { model: name, number, state: result.state, ...(reason && { reason }) },
      });
    });
  }

  /** Validation could not run, which says nothing of the version: tried again later, and the reason shown meanwhile. */
  private async delay(id: string, error: unknown): Promise<void> {
    const failures = (this.later.get(id)?.failures ?? 0) + 1;
    this.later.set(id, { until: performance.now() + Math.min(MAX_DELAY_MS, this.scanMs * 2 ** (failures - 1)), failures });
    this.options.log.error({ err: error, versionId: id, failures }, 'a version could not be validated; it is tried again');
    const reason = tidy(`validation could not run and will be tried again: ${error instanceof Error ? error.message : String(error)}`, MAX_REASON);
    await this.options.work
      .run(ACTOR, async (change) => {
        const version = await change.manager.findOne(VersionEntity, { where: { id, state: 'VALIDATING' }, lock: { mode: 'pessimistic_write' } });
        if (!version || version.reason === reason) return;
        const { projectId } = await change.manager.findOneByOrFail(ModelEntity, { id: version.modelId });
        await change.manager.update(VersionEntity, { id }, { reason });
        await change.emit({ topic: 'version', subjectId: id, projectId, type: 'VALIDATION_DELAYED', payload: { state: 'VALIDATING', message: reason } });
      })
      // Most likely what failed first is the database: then there is nowhere to write it.
      .catch(() => undefined);
  }
}

async function lock(session: QueryRunner, id: string): Promise<boolean> {
  const rows: { locked: boolean }[] = await session.query('SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked', [LOCK_CLASS, id]);
  return rows[0]!.locked;
}

async function unlock(session: QueryRunner, id: string): Promise<void> {
  // A session that is gone holds nothing.
  await session.query('SELECT pg_advisory_unlock($1, hashtext($2))', [LOCK_CLASS, id]).catch(() => undefined);
}

/** Names of inputs and outputs are the model's to choose; what PostgreSQL cannot keep is the model's fault. */
function storable(result: ValidationResult & { state: 'READY' }): ValidationResult {
  try {
    checkJson(result.signature, ['signature'], MAX_SIGNATURE_BYTES);
    return result;
  } catch (error) {
    if (error instanceof DomainError) return { state: 'REJECTED', reason: `the model's signature cannot be stored: ${error.message}`, logTail: '' };
    throw error;
  }
}

/** The reason quotes the model: its names and its texts. */
const storedVerdict = ({ verdict, reason }: RowIndependence): RowIndependence => ({ verdict, reason: tidy(reason, MAX_REASON) });

/** The plugin's own texts too. */
const storedBackend = ({ backend, library }: ValidationResult & { state: 'READY' }): VersionBackend => ({
  name: tidy(backend, MAX_REASON),
  library: library === undefined ? null : tidy(library, MAX_REASON),
});

/** Text of any process as PostgreSQL can keep it: the end of it where it is long. */
function tidy(text: string, max: number): string {
  const kept = text.length > max ? `…${text.slice(-max)}` : text;
  return Buffer.from(kept.replaceAll('\u0000', '\ufffd')).toString();
}
