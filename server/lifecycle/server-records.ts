/** Which servers live in a home: each has a file that says which process it is and where it listens. Several may share a home. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { look } from '../engines/look.js';
import { isAlive, ownIdentity } from '../engines/process-identity.js';

const record = z.object({
  identity: z.object({ bootId: z.string(), pid: z.number().int(), startTime: z.string() }),
  startedAt: z.string(),
  version: z.string(),
  /** Ports it was told to listen on, by the variable that says so; 0 for any. */
  ports: z.record(z.string(), z.number().int()),
  /** Addresses, once it listens. */
  endpoints: z.record(z.string(), z.string()).optional(),
});

export type ServerRecord = z.infer<typeof record>;

const folderOf = (home: string): string => join(home, 'run', 'servers');
const fileOf = (home: string, pid: number): string => join(folderOf(home), `${pid}.json`);

/** Says that this process is a server of the home. Overwrites what it said before. */
export function recordServer(home: string, known: Omit<ServerRecord, 'identity' | 'startedAt'>): void {
  const identity = ownIdentity();
  const startedAt = new Date(Date.now() - process.uptime() * 1000).toISOString();
  writeAside(fileOf(home, process.pid), { identity, startedAt, ...known });
}

/** `endpoints.json` names another running server from now on, if there is one. */
export function forgetServer(home: string, pid = process.pid): void {
  rmSync(fileOf(home, pid), { force: true });
  try {
    repairEndpoints(home);
  } catch {
    // The disk may be full, or nothing can be looked at: no reason not to leave. A server that lives on tries again.
  }
}

/** Every living server of the home. What killed ones left is cleared away. @throws FailedLookError when they cannot be looked at */
export function livingServers(home: string): ServerRecord[] {
  const folder = folderOf(home);
  return (look(folder, () => readdirSync(folder)) ?? [])
    .filter((name) => /^\d+\.json$/.test(name))
    .flatMap((name) => {
      const path = join(folder, name);
      const found = read(path);
      if (found && isAlive(found.identity)) return [found];
      rmSync(path, { force: true });
      return [];
    });
}

/** The living servers of the home that are not this process. */
export const otherServers = (home: string): ServerRecord[] => livingServers(home).filter(({ identity }) => identity.pid !== process.pid);

/** Replaces a JSON file, whole or not at all, readable by its owner only. */
export function writeAside(path: string, content: unknown): void {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  const aside = `${path}.${process.pid}`;
  try {
    writeFileSync(aside, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    renameSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(path: string): ServerRecord | undefined {
  const text = look(path, () => readFileSync(path, 'utf8'));
  try {
    return record.parse(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}

const endpointsFile = (home: string): string => join(home, 'run', 'endpoints.json');

/** What the server says of itself once it listens; `endpoints.json` has the same, for people and scripts. */
export function writeEndpoints(home: string, endpoints: Readonly<Record<string, string>>, pid = process.pid): void {
  writeAside(endpointsFile(home), { ...endpoints, pid });
}

/** Lets `endpoints.json` name a server that lives. Does nothing where it does so already. */
function repairEndpoints(home: string): void {
  const named = namedIn(endpointsFile(home));
  // Mostly it is this one: then no other record must be read.
  if (named === process.pid && existsSync(fileOf(home, named))) return;
  const living = livingServers(home);
  if (living.some(({ identity }) => identity.pid === named)) return;
  const next = living.find(({ endpoints }) => endpoints !== undefined);
  if (next) writeEndpoints(home, next.endpoints!, next.identity.pid);
  else rmSync(endpointsFile(home), { force: true });
}

/**
 * Looks after `endpoints.json` for as long as this process lives: a server that was killed could not take its name out of it.
 * @param onError what kept it from being written; it is tried again
 */
export function watchEndpoints(home: string, everyMs: number, onError: (error: unknown) => void): void {
  setInterval(() => {
    try {
      repairEndpoints(home);
    } catch (error) {
      onError(error);
    }
  }, everyMs).unref();
}

function namedIn(path: string): number | undefined {
  const text = look(path, () => readFileSync(path, 'utf8'));
  try {
    return (JSON.parse(text ?? '') as { pid?: number }).pid;
  } catch {
    return undefined;
  }
}
