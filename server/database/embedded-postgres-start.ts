/** Brings the PostgreSQL of a home to where it answers: adopts what runs, clears away what a crash left, starts it otherwise. */
import type { Logger } from 'pino';
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { standBehind } from '../../runtimes/host/cpu-share.js';
import { childEnvironment } from '../config.js';
import { type ProcessIdentity, identityOf, isAlive, killIdentity } from '../engines/process-identity.js';
import { FailedLookError, look, provesAbsence } from '../engines/look.js';
import { DomainError } from '../errors.js';
import { processEnvironment } from '../process-environment.js';
import { announced, SAY_AFTER_MS } from '../lifecycle/announced.js';
import { EMBEDDED_MAX_CONNECTIONS } from './connection-plan.js';
import { chooseAccount, commandAs, dataArgument, giveTo } from './embedded-postgres-account.js';
import { findBinaries } from './embedded-postgres-binaries.js';
import { initialise } from './embedded-postgres-init.js';
import {
  type EmbeddedPostgresPaths,
  embeddedPostgresPaths,
  makeSocketFolder,
  PILOTHOUSE_DATABASE,
  POSTGRES_PORT,
  removeSockets,
  socketPathIn,
  socketUrl,
} from './embedded-postgres-paths.js';
import { findPostmaster, killAllOf, type PostmasterFile, readPostmasterFile } from './embedded-postgres-process.js';

export interface RunningPostgres {
  readonly identity: ProcessIdentity;
  readonly socketFolder: string;
  readonly port: number;
  readonly adopted: boolean;
  /** Settles when it ends, where it is our own child. */
  readonly exited: Promise<void> | undefined;
}

export interface StartOptions {
  readonly home: string;
  readonly log: Logger;
  readonly say?: ((line: string) => void) | undefined;
  readonly settings?: Readonly<Record<string, string>>;
  readonly namespaces?: boolean;
}

/** Recovery after a crash replays what was written since the last checkpoint. */
const READY_MS = 120_000;
const POLL_MS = 15;
const MAX_LOG_BYTES = 16 * 1024 ** 2;

/** Right for a machine that does other things as well: little memory, few processes, no tuning to be done. Nothing acknowledged is lost. */
const SETTINGS = {
  listen_addresses: '',
  port: String(POSTGRES_PORT),
  unix_socket_permissions: '0700',
  max_connections: String(EMBEDDED_MAX_CONNECTIONS),
  shared_buffers: '96MB',
  max_wal_size: '512MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  io_method: 'sync',
  jit: 'off',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  cluster_name: 'pilothouse',
};

/** @param mayInitialise whether a missing data folder is made. The caller holds the lock. */
export async function ensureRunning(options: StartOptions, { mayInitialise }: { mayInitialise: boolean }): Promise<RunningPostgres> {
  const paths = embeddedPostgresPaths(options.home);
  for (const folder of [dirname(paths.record), dirname(paths.log)]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const adopted = await adopt(paths, options);
  if (adopted) return adopted;
  await clearLeftovers(paths, options.log);
  const exists = isThere(paths.data);
  if (!exists && !mayInitialise) throw new DomainError('FAILED_PRECONDITION', `PostgreSQL's data folder ${paths.data} is gone`);
  const account = chooseAccount(exists ? paths.data : undefined, options.namespaces);
  const binaries = findBinaries(account, paths.copies);
  if (exists) checkVersion(paths, binaries.major);
  else await announced(options.say, 'Creating the database…', () => initialise(paths, account, binaries));
  giveTo(account, paths.data);
  return announced(options.say, 'Starting PostgreSQL…', async () => {
    const socketFolder = makeSocketFolder(paths, account);
    const settings = { ...SETTINGS, unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`, ...options.settings };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = commandAs(account, binaries.postgres, ['-D', dataArgument(account, paths.data), ...flags]);
    return startProcess(paths, command, socketFolder);
  });
}

/** Who we started last, as it was recorded. @throws FailedLookError */
export function recordedProcess({ record }: EmbeddedPostgresPaths): ProcessIdentity | undefined {
  const text = look(record, () => readFileSync(record, 'utf8'));
  try {
    const { bootId, pid, startTime } = JSON.parse(text ?? '') as Record<string, unknown>;
    return typeof bootId === 'string' && typeof pid === 'number' && typeof startTime === 'string' ? { bootId, pid, startTime } : undefined;
  } catch {
    return undefined;
  }
}

/** Only for when nothing of this data folder lives. */
export function forgetProcess({ record, data }: EmbeddedPostgresPaths): void {
  rmSync(record, { force: true });
  rmSync(join(data, 'postmaster.pid'), { force: true });
}

async function adopt(paths: EmbeddedPostgresPaths, { log, say }: StartOptions): Promise<RunningPostgres | undefined> {
  const identity = findPostmaster(paths.data, recordedProcess(paths));
  if (!identity) return undefined;
  const began = performance.now();
  let said = false;
  while (isAlive(identity)) {
    // It writes its socket's place only once it listens, and may be on its way down, too.
    const file = readPostmasterFile(paths.data);
    const answer = file?.socketFolder ? await tryConnect(file.socketFolder, file.port) : 'not yet';
    if (answer === 'ready') {
      log.info({ pid: identity.pid }, 'PostgreSQL was running already');
      return { identity, socketFolder: file!.socketFolder, port: file!.port, adopted: true, exited: undefined };
    }
    if (answer === 'no socket' && file?.status === 'ready') {
      // Somebody cleaned the temporary directory: it can no longer be reached, by anyone.
      log.warn({ pid: identity.pid }, 'the socket of PostgreSQL is gone; starting it again');
      killIdentity(identity, 'SIGINT');
    }
    const waited = performance.now() - began;
    if (waited > READY_MS)
      throw new DomainError('UNAVAILABLE', `the PostgreSQL that runs for this home (process ${identity.pid}) does not answer: see ${paths.log}`);
    if (waited > SAY_AFTER_MS && !said) {
      said = true;
      say?.(`Waiting for PostgreSQL (process ${identity.pid})…`);
    }
    await sleep(POLL_MS);
  }
  return undefined;
}

/**
 * After a `kill -9` of the postmaster: its backends hold the shared memory, and its pid file may name another process that has the pid now.
 * Both are in the way of the next start.
 */
async function clearLeftovers(paths: EmbeddedPostgresPaths, log: Logger): Promise<void> {
  const file = readPostmasterFile(paths.data);
  // One that answers although its process is not to be seen runs in another container, on a home that is shared with it.
  if (file && (await listens(file))) {
    throw new DomainError(
      'FAILED_PRECONDITION',
      `the data folder ${paths.data} is in use by a PostgreSQL whose process (${file.pid}) cannot be seen from here: stop it where it runs, or set PILOTHOUSE_HOME to another folder`,
    );
  }
  const orphans = await killAllOf(paths.data);
  if (orphans > 0 || file) log.warn({ orphans, stalePid: file?.pid }, 'removed what a killed PostgreSQL had left');
  forgetProcess(paths);
  removeSockets(paths, file?.socketFolder);
}

function checkVersion({ data }: EmbeddedPostgresPaths, major: string): void {
  let found: string;
  try {
    found = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    throw new DomainError(
      'FAILED_PRECONDITION',
      `${data} is not a folder of PostgreSQL data that can be read (${(error as NodeJS.ErrnoException).code}): set PILOTHOUSE_HOME to another folder`,
    );
  }
  if (found === major) return;
  throw new DomainError(
    'FAILED_PRECONDITION',
    `the data in ${data} belong to PostgreSQL ${found}, but this Pilothouse has PostgreSQL ${major}; start the Pilothouse that made them, or set DATABASE_URL to a PostgreSQL ${found} that has them`,
  );
}

async function startProcess(paths: EmbeddedPostgresPaths, command: ReturnType<typeof commandAs>, socketFolder: string): Promise<RunningPostgres> {
  const { file, args, ...as } = command;
  if ((statSync(paths.log, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) renameSync(paths.log, `${paths.log}.1`);
  const output = openSync(paths.log, 'a', 0o600);
  const logged = statSync(paths.log).size;
  let child: ChildProcess;
  try {
    // Without PG*, which would change what was decided here.
    const env = processEnvironment(childEnvironment({ LANG: undefined, LC_ALL: 'C' }), paths.home);
    child = spawn(file, args, { ...as, cwd: paths.data, detached: true, stdio: ['ignore', output, output], env });
  } finally {
    closeSync(output);
  }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  child.unref();
  let over = false;
  void exited.then(() => (over = true));
  const identity = child.pid === undefined ? undefined : identityOf(child.pid);
  if (identity) writeFileSync(paths.record, JSON.stringify(identity), { mode: 0o600 });
  if (identity) standBehind(identity.pid);
  const deadline = performance.now() + READY_MS;
  while (identity && !over && performance.now() < deadline) {
    if ((await tryConnect(socketFolder, POSTGRES_PORT)) === 'ready') return { identity, socketFolder, port: POSTGRES_PORT, adopted: false, exited };
    await sleep(POLL_MS);
  }
  if (identity) killIdentity(identity, 'SIGQUIT');
  await killAllOf(paths.data);
  forgetProcess(paths);
  removeSockets(paths, socketFolder);
  throw new DomainError('FAILED_PRECONDITION', `the embedded PostgreSQL did not start: ${reasonIn(paths.log, logged)} (${paths.log})`);
}

/** What PostgreSQL gave as the reason, in what it logged since. */
function reasonIn(log: string, from: number): string {
  const lines = readFileSync(log).subarray(from).toString('utf8').split('\n').filter(Boolean);
  const fatal = lines.find((line) => /\b(FATAL|PANIC):/.test(line));
  return fatal?.replace(/^.*?\b(FATAL|PANIC):\s+/, '') ?? lines.at(-1) ?? 'it printed no message';
}

type Answer = 'ready' | 'not yet' | 'no socket';

/** One attempt to use it; makes the database where it is missing. */
async function tryConnect(socketFolder: string, port: number): Promise<Answer> {
  // Looking is cheaper than failing to connect, and this is asked many times in a start.
  if (!isThere(socketPathIn(socketFolder, port))) return 'no socket';
  const refused = await attempt(socketUrl(socketFolder, port), (client) => client.query('SELECT 1'));
  if (refused === undefined) return 'ready';
  if (refused === '3D000') {
    const failed = await attempt(socketUrl(socketFolder, port, 'postgres'), (client) => client.query(`CREATE DATABASE ${PILOTHOUSE_DATABASE}`));
    return failed === undefined || failed === '42P04' ? 'ready' : 'not yet';
  }
  return 'not yet';
}

/** @returns the code of the error, undefined when it went well */
async function attempt(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, application_name: 'pilothouse-start', connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await work(client);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  } finally {
    await client.end().catch(() => undefined);
  }
}

function listens({ socketFolder, port }: PostmasterFile): Promise<boolean> {
  if (!socketFolder) return Promise.resolve(false);
  const path = socketPathIn(socketFolder, port);
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || provesAbsence(error)) resolve(false);
      else reject(new FailedLookError(path, error));
    });
  });
}

/** @throws FailedLookError */
const isThere = (path: string): boolean => look(path, () => lstatSync(path)) !== undefined;
