/**
 * What is recorded of a replica, in `<home>/run/replicas/<id>/`: before it exists (record, spec), by itself (claim, process,
 * exit, outcome), and about it (ready). Every server of the home reads the same, so that any of them can go on from there.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OUTCOME_FILE, type HostOutcome, type HostSpec } from '../../runtimes/host/host-spec.js';
import type { ReplicaHello } from '../../runtimes/open-inference/frame.js';
import { DomainError } from '../errors.js';
import { abandon, readClaim, STARTER_GONE, type Claim } from './claim.js';
import { look, lookOr } from './look.js';
import { identityOf, isAlive, parseIdentity, type ProcessIdentity } from './process-identity.js';

/** What the engine notes beside the specification that the host process reads. */
export interface ReplicaRecord {
  readonly replicaId: string;
  readonly deploymentId: string;
  readonly versionId: string;
  readonly memoryLimitBytes: number | null;
  /** The server that set out to start it. */
  readonly starter: ProcessIdentity;
}

/** What was seen when the replica became READY: lets the next server take it over without a moment of doubt. */
export interface ReadyMark {
  readonly process: ProcessIdentity;
  readonly hello: ReplicaHello;
}

/** What the model's runtime may write to, gone with the folder. */
const SCRATCH = 'scratch';
const ASIDE = '.aside-';

export function replicasFolder(home: string): string {
  return join(home, 'run', 'replicas');
}

/** @throws DomainError INVALID for an id that cannot be a folder's name. */
export function folderOf(home: string, replicaId: string): string {
  if (!/^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$/.test(replicaId)) throw new DomainError('INVALID', `"${replicaId}" is not a replica id`);
  return join(replicasFolder(home), replicaId);
}

/** @throws FailedLookError */
export function listReplicas(home: string): string[] {
  return namesIn(replicasFolder(home)).filter((name) => !name.startsWith('.'));
}

export const scratchFolder = (home: string, replicaId: string): string => join(folderOf(home, replicaId), SCRATCH);

/** Records a replica, whole or not at all. Returns false when it was recorded before, by whichever server: that one starts it. */
export function record(home: string, replica: ReplicaRecord, spec: HostSpec): boolean {
  const folder = folderOf(home, replica.replicaId);
  const aside = join(replicasFolder(home), `${ASIDE}${replica.replicaId}-${process.pid}`);
  mkdirSync(aside, { recursive: true });
  try {
    writeFileSync(join(aside, 'record.json'), JSON.stringify(replica));
    writeFileSync(join(aside, 'spec.json'), JSON.stringify(spec));
    mkdirSync(join(aside, SCRATCH));
    // Fails when the folder is there and not empty, which it never is: so exactly one caller gets to start the replica.
    renameSync(aside, folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** The folder of one recorded replica. Whatever reads it throws FailedLookError when it cannot be looked at. */
export class ReplicaFolder {
  readonly path: string;

  constructor(
    home: string,
    readonly replicaId: string,
  ) {
    this.path = folderOf(home, replicaId);
  }

  get specPath(): string {
    return join(this.path, 'spec.json');
  }

  /** undefined when there is no such replica (any more). */
  readSpec(): HostSpec | undefined {
    return this.readJson<HostSpec>('spec.json');
  }

  readRecord(): ReplicaRecord | undefined {
    return this.readJson<ReplicaRecord>('record.json');
  }

  /**
   * How far its process got. A record whose starter died before the spawn is declared abandoned here.
   */
  claim(): Claim {
    const claim = readClaim(this.path);
    if (claim.state !== 'OPEN') return claim;
    const starter = this.readRecord()?.starter;
    if (starter && isAlive(starter)) return claim;
    abandon(this.path, STARTER_GONE.died);
    return readClaim(this.path);
  }

  /** The process that hosts the model; undefined while its shell has not started it. */
  process(): ProcessIdentity | undefined {
    const text = this.read('process');
    return text === undefined ? undefined : parseIdentity(text);
  }

  /** What the shell saw at its end: 0 to 255; undefined while it runs, or when it could not be recorded. */
  exitStatus(): number | undefined {
    const text = this.read('exit');
    return text?.endsWith('\n') ? Number(text) : undefined;
  }

  /** Why it ended, where the host process, or the server that ended it, has said so. */
  outcome(): string | undefined {
    const outcome = this.readJson<Partial<HostOutcome>>(OUTCOME_FILE);
    return typeof outcome?.reason === 'string' ? outcome.reason : undefined;
  }

  readReady(): ReadyMark | undefined {
    return this.readJson<ReadyMark>('ready.json');
  }

  writeReady(mark: ReadyMark): void {
    this.writeJson('ready.json', mark);
  }

  /** For every server of the home: only one of them knows why it ended the replica. */
  writeOutcome(reason: string): void {
    this.writeJson(OUTCOME_FILE, { reason } satisfies HostOutcome);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  private read(name: string): string | undefined {
    const path = join(this.path, name);
    return look(path, () => readFileSync(path, 'utf8'));
  }

  private writeJson(name: string, value: unknown): void {
    const path = join(this.path, name);
    try {
      writeFileSync(`${path}.new`, JSON.stringify(value));
      renameSync(`${path}.new`, path);
    } catch {
      // The replica was stopped and forgotten at this moment: the exit is of no use any more.
    }
  }

  private readJson<T>(name: string): T | undefined {
    const text = this.read(name);
    try {
      return JSON.parse(text ?? '') as T;
    } catch {
      return undefined;
    }
  }
}

/** Removes records that were being written by a server that died. */
export function sweepAside(home: string): void {
  const folder = replicasFolder(home);
  for (const name of lookOr([], () => namesIn(folder)).filter((n) => n.startsWith(ASIDE))) {
    const pid = Number(name.slice(name.lastIndexOf('-') + 1));
    const gone = pid !== process.pid && lookOr(false, () => identityOf(pid) === undefined);
    if (gone) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

const namesIn = (folder: string): string[] => look(folder, () => readdirSync(folder)) ?? [];
