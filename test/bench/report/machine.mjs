/** What a result was measured on and with: without it a figure says nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { generatorName } from '../load/load.mjs';
import { ROOT } from '../support/sources.mjs';

const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
const versionOf = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8')).version;

function commit() {
  try {
    return (
      git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no', '--', ':!docs/benchmarks') === '' ? '' : ', with changes')
    );
  } catch {
    return 'not in git';
  }
}

export const machine = ({ quick, seconds, rounds }) => ({
  commit: commit(),
  measuredAt: new Date().toISOString(),
  cpu: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores`,
  memoryGb: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${release()}`,
  node: process.version,
  pilothouse: versionOf('package.json'),
  onnxruntime: versionOf('node_modules/onnxruntime-node/package.json'),
  generator: `${generatorName}, on the same machine`,
  how: `${seconds} s a run, ${rounds} ${rounds === 1 ? 'round' : 'rounds'} where systems alternate${quick ? '; a QUICK run: its figures say little' : ''}`,
});
