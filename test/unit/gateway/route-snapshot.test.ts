import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSnapshot, SnapshotSaver, type RouteSnapshot } from '../../../server/routing/route-snapshot.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-routes-'));
  path = join(folder, 'routes.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const table = (version: number, database = 'a'): RouteSnapshot => ({ version, database, routes: [], refused: [], tokenHashes: [] });

test('an older table of another worker does not take the place of a newer one; one of another database does', async () => {
  await new SnapshotSaver(path).save(table(7));
  await new SnapshotSaver(path).save(table(6));
  expect(await loadSnapshot(path)).toEqual(table(7));
  await new SnapshotSaver(path).save({ ...table(7), tokenHashes: ['x'] });
  expect(await loadSnapshot(path)).toEqual({ ...table(7), tokenHashes: ['x'] });
  await new SnapshotSaver(path).save(table(2, 'b'));
  expect(await loadSnapshot(path)).toEqual(table(2, 'b'));
  expect(readdirSync(folder)).toEqual(['routes.json']);
});

test('tables are saved one after the other, in the order in which they came', async () => {
  const saver = new SnapshotSaver(path);
  await Promise.all([3, 4, 5].map((version) => saver.save(table(version))));
  expect(await loadSnapshot(path)).toEqual(table(5));
});
