/** The single checks of `pilothouse doctor`. */
import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { freemem } from 'node:os';
import { dirname, join } from 'node:path';
import type { Config } from '../config.js';
import { checkDatabase } from '../database/external-database.js';
import { listLaunches } from '../engines/gateway-launch.js';
import { listReplicas } from '../engines/replica-folder.js';
import { configuredPorts } from '../lifecycle/ports.js';
import { livingServers } from '../lifecycle/server-records.js';
import { explain } from '../lifecycle/terminal.js';
import { openFilesLimit } from '../open-files.js';
import { failed, ok, warning, type Result } from './finding.js';
import { checkPython } from './python.js';
import { checkRuntimes } from './runtimes.js';

const MIB = 1024 ** 2;
const LEAST_MEMORY = 512 * MIB;
const LEAST_DISK = 200 * MIB;
const ENOUGH_DISK = 2048 * MIB;
const ENOUGH_FILES = 4096;
const TOKEN_MODE = 0o077;
/** A clock that is off by years breaks certificates and cursors. The release is newer than this. */
const EARLIEST = Date.UTC(2026, 0, 1);

const inMiB = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

/** The folder itself, or the nearest one above it that exists. */
function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path));
}

function checkNode(): Result {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOldEnough = major > 20 || (major === 20 && minor >= 19);
  return isOldEnough ? ok(process.versions.node) : failed(`${process.versions.node} is too old`, 'install Node 20.19 or newer: https://nodejs.org');
}

function checkMemory(): Result {
  const free = freemem();
  return free >= LEAST_MEMORY
    ? ok(`${inMiB(free)} free`)
    : warning(`${inMiB(free)} free`, 'a replica needs some 100 MiB beside its model: end other programs, or deploy fewer replicas');
}

function checkDisk({ home }: Config): Result {
  const { bavail, bsize } = statfsSync(nearest(home));
  const free = bavail * bsize;
  const message = `${inMiB(free)} free for ${home}`;
  if (free < LEAST_DISK) return failed(message, 'make room, or set PILOTHOUSE_HOME to a folder on another disk');
  return free < ENOUGH_DISK ? warning(message, 'make room before large models are pushed') : ok(message);
}

async function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

async function checkPortsFree(config: Config): Promise<Result> {
  const [server] = livingServers(config.home);
  if (server) return ok(`in use by the Pilothouse of this home: ${Object.values(server.endpoints ?? {}).join(', ') || 'starting'}`);
  const taken: string[] = [];
  for (const [variable, port] of Object.entries(configuredPorts(config)))
    if (port !== 0 && !(await isFree(port, config.host))) taken.push(`${port} (${variable})`);
  if (taken.length > 0) return failed(`taken by another program: ${taken.join(', ')}`, 'stop that program, or set the variable to another port');
  return ok(
    `free: ${Object.values(configuredPorts(config))
      .map((port) => (port === 0 ? 'any' : port))
      .join(', ')}`,
  );
}

function checkOpenFiles(): Result {
  const limit = openFilesLimit();
  return limit >= ENOUGH_FILES ? ok(`up to ${limit}`) : warning(`only ${limit}`, `raise the limit before the start: ulimit -n ${ENOUGH_FILES}`);
}

async function checkDatabaseUsable({ home, databaseUrl }: Config): Promise<Result> {
  if (databaseUrl === undefined)
    return ok(existsSync(join(home, 'postgres')) ? `embedded PostgreSQL in ${join(home, 'postgres')}` : 'embedded PostgreSQL, created at the first start');
  try {
    await checkDatabase(databaseUrl);
    return ok('the database of DATABASE_URL can be used');
  } catch (error) {
    return failed(explain(error), 'correct DATABASE_URL, or unset it to use the embedded PostgreSQL');
  }
}

function checkClock(): Result {
  const now = Date.now();
  return now >= EARLIEST
    ? ok(new Date(now).toISOString())
    : failed(`${new Date(now).toISOString()} is in the past`, 'set the clock of this machine, for example with NTP');
}

function checkPermissions({ home }: Config): Result {
  const folder = nearest(home);
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch {
    return failed(`${folder} cannot be written by this user`, 'change its owner, or set PILOTHOUSE_HOME to a folder of yours');
  }
  const token = join(home, 'admin-token');
  if (existsSync(token) && (statSync(token).mode & TOKEN_MODE) !== 0) return warning(`${token} can be read by other users`, `chmod 600 ${token}`);
  return ok(`${folder} can be written`);
}

function checkOrphans({ home }: Config): Result {
  if (livingServers(home).length > 0) return ok('a server looks after its processes');
  if (!existsSync(join(home, 'run')) || readdirSync(join(home, 'run')).length === 0) return ok('nothing was left running');
  const left = [...listLaunches(home).map(() => 'a gateway'), ...listReplicas(home).map(() => 'a replica')];
  return left.length === 0
    ? ok('nothing was left running')
    : warning(`a killed server left ${left.join(', ')}`, '"pilothouse up" adopts them, "pilothouse stop" ends them');
}

/** In the order in which they are shown. */
export const CHECKS: Readonly<Record<string, (config: Config) => Result | Promise<Result>>> = {
  node: checkNode,
  memory: checkMemory,
  disk: checkDisk,
  ports: checkPortsFree,
  'open files': checkOpenFiles,
  database: checkDatabaseUsable,
  runtimes: checkRuntimes,
  python: checkPython,
  clock: checkClock,
  permissions: checkPermissions,
  orphans: checkOrphans,
};
