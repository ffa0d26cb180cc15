import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identityOf } from '../../server/engines/process-identity.js';
import { LockTimeoutError, withLock } from '../../server/lifecycle/claim-lock.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pilothouse-lock-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const claimOf = (pid: number, startTime: string): string =>
  [identityOf(process.pid)!.bootId, pid, startTime, 99].map((part) => encodeURIComponent(part)).join('~');

test('a lock is held by one at a time, and leaves nothing behind', async () => {
  const order: string[] = [];
  const hold = (name: string): Promise<void> =>
    withLock(join(home, 'lock'), async () => {
      order.push(`${name} in`);
      await setTimeout(30);
      order.push(`${name} out`);
    });
  await Promise.all([hold('a'), hold('b'), hold('c')]);
  expect(order.map((entry) => entry.split(' ')[1])).toEqual(['in', 'out', 'in', 'out', 'in', 'out']);
  expect(readdirSync(home)).toEqual([]);
});

test('a lock is free after work that failed', async () => {
  await expect(withLock(join(home, 'lock'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(withLock(join(home, 'lock'), () => Promise.resolve('mine'), { timeoutMs: 10_000 })).resolves.toBe('mine');
});

test('the claim of a dead process counts for nothing, that of a living one is waited for', async () => {
  const lock = join(home, 'lock');
  mkdirSync(lock);
  // This process's pid, but of a process that started at another time: the pid was used again.
  writeFileSync(join(lock, claimOf(process.pid, '1')), '');
  await expect(withLock(lock, () => Promise.resolve('mine'), { timeoutMs: 10_000 })).resolves.toBe('mine');
  mkdirSync(lock, { recursive: true });
  writeFileSync(join(lock, claimOf(process.ppid, identityOf(process.ppid)!.startTime)), '');
  const waiting = withLock(lock, () => Promise.resolve('mine'), { timeoutMs: 200 });
  await expect(waiting).rejects.toBeInstanceOf(LockTimeoutError);
  await expect(waiting).rejects.toMatchObject({ holder: process.ppid });
});
