import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { formatIdentity, groupOf, identityOf, isAlive, killGroup, killIdentity, parseIdentity } from '../../../server/engines/process-identity.js';
import { shellText } from '../../../server/engines/shell-text.js';

describe('the identity of a process', () => {
  const children: ChildProcess[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  const run = async (script: string, detached = false): Promise<ChildProcess> => {
    const child = spawn('/bin/sh', ['-c', script], { detached, stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child, 'spawn');
    return child;
  };
  /** What it prints until that makes sense: one write may arrive in several pieces. */
  const printed = async <T>(child: ChildProcess, read: (text: string) => T | undefined): Promise<T> => {
    let text = '';
    for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
      text += String(chunk);
      const value = read(text);
      if (value !== undefined) return value;
    }
    throw new Error(`it printed only ${JSON.stringify(text)}`);
  };
  const line = (text: string): string | undefined => (text.endsWith('\n') ? text.trim() : undefined);

  it('is what the process itself prints, whatever its name', async () => {
    const child = await run(`${shellText('identify')}identify; exec sleep 60`);
    const identity = await printed(child, parseIdentity);
    expect(identity).toEqual(identityOf(child.pid!));
    expect(parseIdentity(formatIdentity(identity))).toEqual(identity);
    expect(parseIdentity('boot\n12 (a) strange (name) S 1 12 12 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0\n')).toEqual({
      bootId: 'boot',
      pid: 12,
      startTime: '777',
    });
    expect(parseIdentity('\n12 Sun Nov 22 19:00:00 2026\n')).toEqual({ bootId: '', pid: 12, startTime: 'Sun Nov 22 19:00:00 2026' });
    for (const half of ['', 'boot', 'boot\n', 'boot\n12 (sh) S 1', 'boot\n12 (sh) S 1\n']) expect(parseIdentity(half)).toBeUndefined();
  });

  it('ends with the process, also while it is a zombie', async () => {
    // The inner process dies and its parent does not ask for it.
    const child = await run('sleep 0.05 & echo $!; exec sleep 60');
    const zombie = Number(await printed(child, line));
    while (identityOf(zombie)) await setTimeout(5);
    expect(() => process.kill(zombie, 0)).not.toThrow();
  });

  it('is not that of another process with the same pid, which is never signalled', async () => {
    const child = await run('exec sleep 60');
    const real = identityOf(child.pid!)!;
    for (const other of [
      { ...real, startTime: '1' },
      { ...real, bootId: 'another boot' },
    ]) {
      expect(isAlive(other)).toBe(false);
      expect(killIdentity(other, 'SIGKILL')).toBe(false);
      expect(killGroup(other, 'SIGKILL')).toBe(0);
    }
    expect(isAlive(real)).toBe(true);
    expect(killIdentity(real, 'SIGKILL')).toBe(true);
    await once(child, 'exit');
    expect(isAlive(real)).toBe(false);
    expect(killIdentity(real, 'SIGKILL')).toBe(false);
  });

  it('finds the group of a leader, also after it died', async () => {
    const leader = await run('sleep 60 & sleep 60 & echo ready; wait', true);
    await printed(leader, line);
    const identity = identityOf(leader.pid!)!;
    expect(groupOf(identity)).toHaveLength(3);
    leader.kill('SIGKILL');
    await once(leader, 'exit');
    const left = groupOf(identity);
    expect(left).toHaveLength(2);
    expect(killGroup(identity, 'SIGKILL')).toBe(2);
    while (left.some(isAlive)) await setTimeout(5);
    expect(groupOf(identity)).toEqual([]);
  });

  it('is nothing for what cannot be a pid', () => {
    for (const pid of [0, -1, 1.5, NaN, 2 ** 30]) expect(identityOf(pid)).toBeUndefined();
  });
});
