/**
 * What is recorded of a gateway in `<home>/run/gateway/<launch>/`: written before its holder exists, claimed by the holder
 * itself, so that the next server finds it wherever the last one died.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { abandon, readClaim } from './claim.js';
import { loopFile, WORKER_FILE } from './gateway-holder.js';
import { look } from './look.js';
import { groupOf, isAlive, killGroup, killIdentity, ownIdentity, parseIdentity, type ProcessIdentity } from './process-identity.js';
import { endGroup } from './replica-end.js';

/** A listening socket that the holder keeps. */
export interface GatewaySocket {
  /** The worker finds its descriptor's number in `PILOTHOUSE_<NAME>_FD`. */
  readonly name: string;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** The variable that sets the port, for messages. */
  readonly variable: string;
}

/** What a worker runs: replaced as a whole when the program or its configuration changes. */
export interface WorkerCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
}

interface LaunchRecord {
  readonly starter: ProcessIdentity;
  /** With the ports that were really bound. */
  readonly sockets: readonly GatewaySocket[];
  readonly workers: number;
}

/** The first inherited descriptor: after the standard three. */
export const FIRST_FD = 3;
const ASIDE = '.aside-';
const LOOK_MS = 10;

/** Whatever looks at it throws FailedLookError when it cannot be looked at. */
export class GatewayLaunch {
  constructor(
    readonly folder: string,
    readonly record: LaunchRecord,
  ) {}

  /** The holder; undefined while it has not begun. A record whose starter died before the spawn is declared abandoned. */
  holder(): ProcessIdentity | undefined {
    if (readClaim(this.folder).state === 'OPEN' && !isAlive(this.record.starter)) abandon(this.folder, 'the server died before it started this gateway');
    const claim = readClaim(this.folder);
    return claim.state === 'CLAIMED' ? claim.shell : undefined;
  }

  /** Whether the holder and every further loop live. */
  isWhole(): boolean {
    const holder = this.holder();
    return holder !== undefined && isAlive(holder) && this.loops().every(isAlive);
  }

  /** The further loops, one for each worker but the first, as far as they have recorded themselves. */
  loops(): ProcessIdentity[] {
    const texts = Array.from({ length: this.record.workers - 1 }, (_, i) => read(join(this.folder, loopFile(i + 1))));
    return texts.flatMap((text) => parseIdentity(text ?? '') ?? []);
  }

  /** Every living process of the gateway: holder, loops, workers. */
  processes(): ProcessIdentity[] {
    const holder = this.holder();
    return holder ? groupOf(holder) : [];
  }

  /** A digest of what its workers run. */
  fingerprint(): string {
    return fingerprint(read(join(this.folder, WORKER_FILE)) ?? '');
  }

  /** What the next worker will run. Readable by this user alone: it holds the database's password. */
  writeWorker(text: string): void {
    const path = join(this.folder, WORKER_FILE);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

export const fingerprint = (text: string): string => createHash('sha256').update(text).digest('hex');

export function gatewayFolder(home: string): string {
  return join(home, 'run', 'gateway');
}

export function createLaunch(home: string, sockets: readonly GatewaySocket[], workers: number, workerText: string): GatewayLaunch {
  const name = randomUUID();
  const aside = join(gatewayFolder(home), `${ASIDE}${name}`);
  const folder = join(gatewayFolder(home), name);
  const record: LaunchRecord = { starter: ownIdentity(), sockets, workers };
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  writeFileSync(join(aside, 'launch.json'), JSON.stringify(record));
  writeFileSync(join(aside, WORKER_FILE), workerText, { mode: 0o600 });
  renameSync(aside, folder);
  return new GatewayLaunch(folder, record);
}

/** @throws FailedLookError */
export function listLaunches(home: string): GatewayLaunch[] {
  const all = gatewayFolder(home);
  const names = look(all, () => readdirSync(all)) ?? [];
  return names.flatMap((name) => {
    const folder = join(gatewayFolder(home), name);
    const text = read(join(folder, 'launch.json'));
    if (text === undefined || name.startsWith(ASIDE)) return [];
    try {
      return [new GatewayLaunch(folder, JSON.parse(text) as LaunchRecord)];
    } catch {
      return [];
    }
  });
}

/** The worker's file: shell text that sets the environment and becomes the command. */
export function workerText({ command, environment, cwd }: WorkerCommand, sockets: readonly GatewaySocket[]): string {
  const descriptors = sockets.map((socket, i) => [`PILOTHOUSE_${socket.name.toUpperCase()}_FD`, String(FIRST_FD + i)] as const);
  const variables = [...Object.entries(environment), ...descriptors].sort(([a], [b]) => (a < b ? -1 : 1));
  const wrong = variables.find(([name]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong) throw new Error(`"${wrong[0]}" is not a valid name of an environment variable`);
  return [
    ...variables.map(([name, value]) => `export ${name}=${quoted(value)}`),
    `cd ${quoted(cwd)} || exit`,
    `exec ${command.map(quoted).join(' ')}`,
    '',
  ].join('\n');
}

/** Begins the end of a gateway: it lets go of its ports at once, and its workers drain. */
export function askToEnd(launch: GatewayLaunch): void {
  const holder = launch.holder();
  if (!holder) return;
  if (launch.isWhole()) {
    killIdentity(holder, 'SIGTERM');
    return;
  }
  // A worker whose loop is gone hears nothing from it. Without any loop, each is told once and is not replaced.
  for (const shell of [holder, ...launch.loops()]) killIdentity(shell, 'SIGKILL');
  killGroup(holder, 'SIGTERM');
}

/** Resolves when nothing of the gateway runs and its record is gone; past `graceMs` it is killed. */
export async function endLaunch(launch: GatewayLaunch, graceMs: number, asked = false): Promise<void> {
  if (!abandon(launch.folder, 'it was stopped before it started')) {
    const holder = launch.holder();
    if (holder) {
      if (!asked) askToEnd(launch);
      const give = performance.now() + graceMs;
      while ((isAlive(holder) || groupOf(holder).length > 0) && performance.now() < give) await setTimeout(LOOK_MS);
      await endGroup(holder);
    }
  }
  rmSync(launch.folder, { recursive: true, force: true });
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const read = (path: string): string | undefined => look(path, () => readFileSync(path, 'utf8'));
