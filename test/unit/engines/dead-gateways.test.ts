import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DeadGateways } from '../../../server/engines/dead-gateways.js';
import { formatIdentity, identityOf } from '../../../server/engines/process-identity.js';
import { recordProcess } from '../../../server/gateway/process-record.js';
import { gatewayProcessesFolder } from '../../../server/paths.js';

let home: string;
/** Ids that have a row. */
let rows: Set<string>;
let fails: Error | undefined;
const told: string[] = [];
const children: ChildProcess[] = [];
const watching: DeadGateways[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilothouse-dead-'));
  rows = new Set();
  fails = undefined;
  told.length = 0;
});
afterEach(async () => {
  await Promise.all(watching.splice(0).map((each) => each.stop()));
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

/** Records a gateway with a row, as the process would itself. */
function recorded(identity: string): string {
  const id = randomUUID();
  mkdirSync(gatewayProcessesFolder(home), { recursive: true });
  writeFileSync(join(gatewayProcessesFolder(home), id), identity);
  rows.add(id);
  return id;
}

async function child(): Promise<{ id: string; kill(): Promise<void> }> {
  const started = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  children.push(started);
  await once(started, 'spawn');
  const id = recorded(formatIdentity(identityOf(started.pid!)!));
  const kill = async (): Promise<void> => {
    started.kill('SIGKILL');
    await once(started, 'exit');
  };
  return { id, kill };
}

function watch(): DeadGateways {
  const remove = async (ids: readonly string[]): Promise<string[]> => {
    if (fails) throw fails;
    return ids.filter((id) => rows.delete(id));
  };
  const dead = new DeadGateways({ home, remove, log: (message) => told.push(message), lookMs: 5 });
  watching.push(dead);
  return dead;
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const records = (): string[] => readdirSync(gatewayProcessesFolder(home));

test('the row of a killed gateway is removed, and no other', async () => {
  const [killed, living] = [await child(), await child()];
  recordProcess(home, randomUUID());
  const own = records().find((id) => !rows.has(id))!;
  rows.add(own);
  await watch().start();
  expect(rows.size).toBe(3);
  await killed.kill();
  await until(() => !rows.has(killed.id));
  await until(() => !records().includes(killed.id));
  expect([...rows].sort()).toEqual([living.id, own].sort());
  expect(records().sort()).toEqual([living.id, own].sort());
});

test('a server that starts finds the rows of processes that died before it, also before a reboot', async () => {
  const killed = await child();
  await killed.kill();
  const { pid, startTime } = identityOf(process.pid)!;
  // The same pid, given to another process since; and the same process by every number, of another boot.
  recorded(formatIdentity({ ...identityOf(process.pid)!, startTime: `${Number(startTime) - 1}` }));
  recorded(formatIdentity({ bootId: randomUUID(), pid, startTime }));
  await watch().start();
  expect([...rows]).toEqual([]);
});

test('the last heartbeat of a killed gateway, which comes after its row was removed, is removed too', async () => {
  const killed = await child();
  await killed.kill();
  const dead = watch();
  await dead.start();
  expect(records()).toEqual([killed.id]);
  rows.add(killed.id);
  await until(() => records().length === 0);
  expect([...rows]).toEqual([]);
});

test('where the database is away the record stays, and the row is removed when it is back', async () => {
  const killed = await child();
  await killed.kill();
  fails = new Error('the database is away');
  await watch().start();
  expect(told[0]).toBe('the rows of dead gateways could not be removed: the database is away');
  expect(records()).toEqual([killed.id]);
  fails = undefined;
  await until(() => rows.size === 0);
});

test('a record that is no identity proves nothing', async () => {
  const id = recorded('half a rec');
  await watch().start();
  expect([...rows]).toEqual([id]);
});
