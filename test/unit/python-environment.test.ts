import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeAbandoned } from '../../runtimes/python/environment.js';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'environments-'));
});
afterEach(() => rm(cache, { recursive: true }));

test('what an installation of a killed server left is removed, and what is installed or being installed stays', async () => {
  const now = new Date();
  const hoursAgo = (hours: number): Date => new Date(now.getTime() - hours * 60 * 60 * 1000);
  for (const [name, made] of [
    ['.aside-old', hoursAgo(3)],
    ['.aside-new', hoursAgo(1)],
    ['f21577d6d96ad4a6fed5f57380203795', hoursAgo(3_000)],
  ] as const) {
    await mkdir(join(cache, name, 'lib'), { recursive: true });
    await utimes(join(cache, name), made, made);
  }
  await removeAbandoned(cache, now);
  expect((await readdir(cache)).sort()).toEqual(['.aside-new', 'f21577d6d96ad4a6fed5f57380203795']);
});
