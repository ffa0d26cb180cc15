/** Runs one attack on a program of its own, and measures memory and bystanders before and during it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onEnd, residentBytes } from '../../bench/support/processes.mjs';
import { startProgram } from './program.mjs';

const MIB = 1024 ** 2;
const SAMPLE_MS = 100;
/** What holds under every attack. */
export const BARS = { serverMiB: 400, gatewayMiB: 512, slowdown: 5 };

/**
 * @typedef {{ count: number, failed: number, failures: Record<string, number>, p50: number, p99: number, max: number }} Calls in ms
 * @typedef {{ before: number, peak: number }} Memory in MiB; of several gateways the largest
 * @typedef {{ memory: { server: Memory, gateway: Memory }, quiet: Record<'inference' | 'control', Calls>,
 *   attacked: Record<'inference' | 'control', Calls>, facts: Record<string, unknown>, broken: string[] }} Result
 */

/**
 * @param {{ short: boolean, root?: string, environment?: Record<string, string>, openFiles?: number, quietMs?: number,
 *   attack: (program: any) => Promise<{ facts?: Record<string, unknown>, broken?: string[] }> }} options `attack` does its worst for a
 *   bounded time, ends what it started, and answers what it saw; `broken` are bounds of its own that did not hold
 * @returns {Promise<Result>} `broken` names every bar that did not hold. Times are compared in the long form only: a test must not depend on them.
 */
export async function underAttack({ short, root, environment, openFiles, attack, quietMs = short ? 2_000 : 10_000 }) {
  const program = await startProgram({ root, environment, openFiles });
  const bystander = fork(join(import.meta.dirname, 'bystander.mjs'), [JSON.stringify(program)]);
  onEnd(() => bystander.kill('SIGKILL'));
  let told;
  try {
    await once(bystander, 'message');
    await delay(quietMs);
    const memory = sampleMemory(program);
    bystander.send('attacked');
    const { facts = {}, broken = [] } = await attack(program);
    bystander.send('end');
    [told] = await once(bystander, 'message');
    const result = { memory: memory.stop(), quiet: summaries(told.quiet), attacked: summaries(told.attacked), facts, broken: [...broken] };
    const failure = program.failure();
    if (failure) result.broken.push(`the server: ${failure}`);
    result.broken.push(...brokenBars(result, short));
    return result;
  } finally {
    bystander.kill('SIGKILL');
    await program.stop();
  }
}

function brokenBars({ memory, quiet, attacked }, short) {
  const broken = [];
  for (const role of ['server', 'gateway']) {
    const most = BARS[`${role}MiB`];
    if (memory[role].peak > most) broken.push(`the ${role} used ${memory[role].peak} MiB; at most ${most} are allowed`);
  }
  for (const kind of ['inference', 'control']) {
    const { failed, count, failures, p99 } = attacked[kind];
    if (failed > 0) broken.push(`${failed} of ${count} bystanders (${kind}) failed: ${JSON.stringify(failures)}`);
    else if (count === 0) broken.push(`no bystander (${kind}) was answered`);
    // An operation is executed on the server's one thread: who asks for large answers slows the control plane, never inferences.
    if (!short && kind === 'inference' && p99 > BARS.slowdown * quiet[kind].p99)
      broken.push(`bystanders (${kind}) have a p99 of ${p99} ms, in quiet ${quiet[kind].p99} ms; at most ${BARS.slowdown} times as much is allowed`);
  }
  return broken;
}

function sampleMemory(program) {
  const roles = ['server', 'gateway'];
  const pids = Object.fromEntries(roles.map((role) => [role, program.pids(role)]));
  const now = (role) => Math.round(Math.max(0, ...pids[role].map((pid) => residentBytes([pid]))) / MIB);
  const memory = Object.fromEntries(roles.map((role) => [role, { before: now(role), peak: now(role) }]));
  const timer = setInterval(() => {
    for (const role of roles) memory[role].peak = Math.max(memory[role].peak, now(role));
  }, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return memory;
    },
  };
}

const summaries = (told = {}) => ({ inference: summary(told.inference), control: summary(told.control) });

function summary({ times = [], failures = {} } = {}) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1));
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  return { count: sorted.length, failed, failures, p50: at(0.5), p99: at(0.99), max: at(1) };
}
