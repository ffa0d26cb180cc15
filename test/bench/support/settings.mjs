/** What a run was asked for on its command line, and where it keeps what it makes. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './sources.mjs';

/** In the order in which they run. `peers` only when asked for. */
export const PARTS = ['limit', 'work', 'gateways', 'noise', 'memory', 'control', 'client', 'peers'];

export const HELP = `npm run bench -- [options]

  (none)            every part except the peers: about 9 minutes
  --peers           the peers alone, installed from PyPI on the first run: about 9 minutes and the installation
  --only PART,...   ${PARTS.join(', ')}
  --peer NAME,...   of the peers only these; the others keep their results of the same commit
  --quick           2 s a load run and fewer subscribers: to see that everything runs; its figures say little
  --long            the gateway's memory over 10 minutes instead of 45 s
  --out FOLDER      where the results go; docs/benchmarks, or with --quick the cache folder
  --report          writes the report again from the results that are there

Made models and the peers' environments are kept in PILOTHOUSE_BENCH_CACHE, by default ~/.cache/pilothouse-bench.`;

export function cacheFolder() {
  const folder = resolve(process.env.PILOTHOUSE_BENCH_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pilothouse-bench'));
  mkdirSync(folder, { recursive: true });
  return folder;
}

const list = (text) =>
  text
    ?.split(',')
    .map((name) => name.trim())
    .filter(Boolean);

/** @throws Error that says which option is wrong and what would be right */
export function readSettings(args) {
  const flag = { type: 'boolean', default: false };
  const text = { type: 'string' };
  const { values } = parseArgs({ args, options: { peers: flag, only: text, peer: text, quick: flag, long: flag, out: text, report: flag, help: flag } });
  const parts = list(values.only) ?? (values.peers ? ['peers'] : PARTS.filter((part) => part !== 'peers'));
  const unknown = parts.filter((part) => !PARTS.includes(part));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: there is no such part; there are ${PARTS.join(', ')}`);
  const { quick, long } = values;
  return {
    parts: values.report ? [] : PARTS.filter((part) => parts.includes(part)),
    help: values.help,
    quick,
    out: resolve(values.out ?? (quick ? join(cacheFolder(), 'quick') : join(ROOT, 'docs', 'benchmarks'))),
    peers: list(values.peer),
    /** Of one load run; the first part of it, in which caches and compilers warm up, is not counted. */
    seconds: quick ? 2 : 4,
    warmupSeconds: quick ? 0.5 : 0.8,
    rounds: quick ? 1 : 3,
    /** Of the many runs of the part `work`. */
    workSeconds: quick ? 2 : 3,
    memorySeconds: long ? 600 : quick ? 10 : 45,
    noiseSeconds: quick ? 5 : 6,
    noiseRounds: quick ? 1 : 5,
    subscribers: quick ? [200, 1_000] : [1_000, 10_000],
  };
}
