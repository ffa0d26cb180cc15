/**
 * A machine that sleeps for 14 days, as its gateway sees it: the machine's clock goes ahead by 14 days at once, and the monotonic one does
 * not. A gateway of its own runs with libfaketime, which comes with `apt-get install faketime`; where it is not installed nothing is measured.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { residentBytes, startProcess, until } from '../../bench/support/processes.mjs';
import { databaseUrl, infer, quantile } from '../support/control.mjs';
import { INFERENCE, startProgram } from '../support/program.mjs';

export const name = 'clock-step';
export const point = 11;

const MIB = 1024 ** 2;
const STEP = '+14d';
const WINDOW_MS = 5_000;
/** What a gateway may grow by: it serves meanwhile. */
const GROWTH_MIB = 64;
const LONGEST_MS = 1_000;
const ROOT = join(import.meta.dirname, '..', '..', '..');
const WITH_DEADLINE = JSON.stringify({ ...JSON.parse(INFERENCE), parameters: { timeout: 50_000 } });

export async function run({ short, root = ROOT }) {
  const library = libfaketime();
  if (!library) return { facts: { skipped: 'libfaketime is not installed' }, broken: [] };
  const program = await startProgram({ root });
  const database = new pg.Client({ connectionString: databaseUrl(program) });
  database.on('error', () => undefined);
  const broken = [];
  let gateway;
  try {
    await database.connect();
    const clock = join(program.home, 'clock');
    writeFileSync(clock, '+0');
    gateway = startProcess(process.execPath, [join(root, 'dist/bundle/server/gateway/main.js')], {
      cwd: root,
      env: {
        ...{ LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_CACHE_DURATION: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' },
        ...{ DATABASE_URL: databaseUrl(program), PILOTHOUSE_HOME: program.home, PILOTHOUSE_GATEWAY_AUTH: 'required' },
        ...{ PILOTHOUSE_HTTP_PORT: '0', PILOTHOUSE_GRPC_PORT: '0' },
      },
      log: join(program.home, 'faked-gateway.log'),
    });
    let serves;
    const options = { failure: gateway.failure, timeoutMs: 120_000, everyMs: 100 };
    await until(() => (serves = servingLine(join(program.home, 'faked-gateway.log'))), 'the gateway with the other clock', options);
    const own = { ...program, gateway: `http://127.0.0.1:${serves.http}` };
    await until(async () => (await infer(own)) === 200, 'its first inference', options);
    await call(own, gateway, short ? 2_000 : 10_000);
    const memoryBefore = residentBytes([gateway.pid]) / MIB;
    writeFileSync(clock, STEP);
    const began = performance.now();
    const calls = await call(own, gateway, short ? 8_000 : 30_000);
    const elapsedMs = performance.now() - began;
    // The last windows are written within about a second.
    await delay(2_000);
    const { rows } = await database.query(
      'SELECT count(*)::int AS windows, count(DISTINCT version_id)::int AS targets FROM metric_window WHERE gateway_id = $1',
      [serves.id],
    );
    const [{ windows, targets }] = rows;
    const facts = {
      memoryMiB: { before: Math.round(memoryBefore), peak: Math.round(calls.peakMiB) },
      inferences: calls.times.length,
      p50Ms: Math.round(quantile(calls.times, 0.5)),
      longestMs: Math.round(Math.max(...calls.times)),
      windows,
      other: calls.other,
    };
    const failure = gateway.failure();
    if (failure) broken.push(`the gateway: ${failure}`);
    for (const [what, count] of Object.entries(calls.other)) broken.push(`${count} inferences: ${what}`);
    if (calls.peakMiB - memoryBefore > GROWTH_MIB) broken.push(`the gateway grew from ${facts.memoryMiB.before} to ${facts.memoryMiB.peak} MiB`);
    // A minute is generous for what was written before and around.
    const most = targets * ((elapsedMs + 60_000) / WINDOW_MS);
    if (windows > most) broken.push(`the gateway wrote ${windows} windows, for time in which nobody counted`);
    if (!short && facts.longestMs > LONGEST_MS) broken.push(`an inference with a deadline of 50 ms took ${facts.longestMs} ms`);
    return { facts, broken };
  } finally {
    await database.end().catch(() => undefined);
    await gateway?.stop();
    await program.stop();
  }
}

/** Inferences with a deadline of 50 ms, one after the other; that of a busy machine may pass. */
async function call(own, { pid, failure }, forMs) {
  const seen = { times: [], other: {}, peakMiB: 0 };
  const sampler = setInterval(() => (seen.peakMiB = Math.max(seen.peakMiB, residentBytes([pid]) / MIB)), 20);
  for (const end = performance.now() + forMs; performance.now() < end && !failure(); await delay(10)) {
    const began = performance.now();
    const status = await infer(own, WITH_DEADLINE);
    seen.times.push(performance.now() - began);
    if (status !== 200 && status !== 504) seen.other[status] = (seen.other[status] ?? 0) + 1;
  }
  clearInterval(sampler);
  return seen;
}

function servingLine(log) {
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!line.includes('the gateway serves')) continue;
    const { id, address } = JSON.parse(line);
    return { id, http: address.port };
  }
  return undefined;
}

function libfaketime() {
  const folders = ['/usr/lib', '/usr/local/lib', ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').map((each) => join('/usr/lib', each)) : [])];
  return folders.map((folder) => join(folder, 'faketime', 'libfaketimeMT.so.1')).find(existsSync);
}
