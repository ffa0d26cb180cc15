/** Ends what runs for a home: its servers, and what servers that were killed have left. */
import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stopEmbeddedPostgres } from '../database/embedded-postgres.js';
import { look } from '../engines/look.js';
import { isAlive, killIdentity } from '../engines/process-identity.js';
import { stopEverythingUnder } from '../engines/stop-everything.js';
import { DomainError } from '../errors.js';
import { tidyHome, whileClosed } from './home-session.js';
import { forgetServer, livingServers, type ServerRecord } from './server-records.js';
import type { Say } from './terminal.js';

/** A server drains first; asked a second time it hurries; then it is killed. */
const PATIENCE = [
  ['SIGTERM', 60_000],
  ['SIGTERM', 15_000],
  ['SIGKILL', 5_000],
] as const;
const GRACE_MS = 10_000;

/** What was ended, in words, such as `2 replicas`; empty when nothing ran. */
export async function stopHome(home: string, say: Say): Promise<string[]> {
  // Whatever runs for a home has left something in it; looking must not make one.
  const run = join(home, 'run');
  if (!look(run, () => lstatSync(run))) return [];
  const servers = livingServers(home);
  if (servers.length > 0) say(`Stopping ${describeServers(servers)}…`);
  await Promise.all(servers.map((server) => stopServer(home, server)));
  const rest = await whileClosed(
    home,
    async () => {
      const [started] = livingServers(home);
      if (started)
        throw new DomainError(
          'CONFLICT',
          `another Pilothouse was started in ${home} meanwhile (process ${started.identity.pid}): call stop again to end that one too`,
        );
      return endShared(home);
    },
    say,
  );
  tidyHome(home);
  return [...(servers.length > 0 ? [describeServers(servers)] : []), ...rest];
}

/** Ends gateway, replicas and PostgreSQL of a home that has no server any more, and says what was there. */
export async function endShared(home: string, { force = false } = {}): Promise<string[]> {
  const { gateways, replicas } = await stopEverythingUnder(home, force ? 0 : GRACE_MS);
  const postgres = await stopEmbeddedPostgres(home, { force });
  rmSync(join(home, 'run', 'endpoints.json'), { force: true });
  return [
    ...(gateways > 0 ? [counted(gateways, 'gateway')] : []),
    ...(replicas > 0 ? [counted(replicas, 'replica')] : []),
    ...(postgres === undefined ? [] : [`PostgreSQL (process ${postgres})`]),
  ];
}

async function stopServer(home: string, { identity }: ServerRecord): Promise<void> {
  for (const [signal, patienceMs] of PATIENCE) {
    killIdentity(identity, signal);
    const deadline = performance.now() + patienceMs;
    while (isAlive(identity) && performance.now() < deadline) await sleep(25);
    if (!isAlive(identity)) break;
  }
  if (isAlive(identity)) throw new DomainError('UNAVAILABLE', `the server (process ${identity.pid}) does not end, even after SIGKILL: is it another user's?`);
  forgetServer(home, identity.pid);
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const describeServers = (servers: ServerRecord[]): string =>
  servers.length === 1
    ? `the server (process ${servers[0]!.identity.pid})`
    : `${servers.length} servers (processes ${servers.map(({ identity }) => identity.pid).join(', ')})`;
