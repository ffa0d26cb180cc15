/** The memory of a process and of what it started. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { residentBytes, treeBytes } from '../../server/engines/process-tree.js';

const MIB = 1024 ** 2;
const HOLDS = `const held = Buffer.alloc(200 * 1024 ** 2, 1); console.log(held.length);`;
const STARTS = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`${HOLDS} setInterval(() => held, 1e6);`)}], { stdio: 'inherit' });`;

let parent: ChildProcess | undefined;
afterEach(() => parent?.pid !== undefined && process.kill(-parent.pid, 'SIGKILL'));

test.runIf(process.platform === 'linux')('the memory of a child counts for its parent', async () => {
  parent = spawn(process.execPath, ['-e', STARTS], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(parent.stdout!, 'data');
  const own = (await residentBytes(parent.pid!))!;
  expect(own).toBeLessThan(150 * MIB);
  expect(await treeBytes(parent.pid!)).toBeGreaterThan(own + 200 * MIB);
});

test('a process that is gone has none', async () => {
  const gone = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
  await once(gone, 'exit');
  expect(await treeBytes(gone.pid!)).toBeUndefined();
});
