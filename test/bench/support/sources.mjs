/** Uses a TypeScript source of this repository from plain JavaScript, always as it is now: the tests' model writer, the client. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

export const ROOT = join(import.meta.dirname, '..', '..', '..');

/** By path: two that bundle the same source at once would read what the other has written in part. */
const imported = new Map();

/** @param {string} path of the source, from the root. The bundle lies below the root, so that packages are found from it. */
export function importSource(path) {
  if (!imported.has(path)) imported.set(path, bundleAndImport(path));
  return imported.get(path);
}

async function bundleAndImport(path) {
  const folder = join(ROOT, 'dist', 'bench');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${createHash('sha256').update(path).digest('hex').slice(0, 12)}.mjs`);
  await build({
    entryPoints: [join(ROOT, path)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    tsconfigRaw: {},
    logLevel: 'error',
  });
  return import(pathToFileURL(outfile).href);
}
