/** Everything that is started here is ended here: at the end, on failure, and when somebody presses Ctrl-C. Linux, by /proc. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const TICKS_PER_SECOND = 100;
const endings = new Set();
let ending = false;

/** Registers what ends something. @returns a function that ends it, once */
export function onEnd(end) {
  let ended;
  const once = () => {
    endings.delete(once);
    return (ended ??= end());
  };
  endings.add(once);
  // What is started while all is being ended was not there when that began.
  if (ending) void Promise.resolve().then(once);
  return once;
}

/** The last started first. */
export async function endEverything() {
  ending = true;
  for (const end of [...endings].reverse()) await Promise.resolve(end()).catch((error) => console.error(`ending: ${error.message}`));
}

/** Starts a program in a process group of its own, its output in a file. @param {{ env?: Record<string, string>, cwd?: string, log: string }} options */
export function startProcess(command, args, { env = {}, cwd, log }) {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'w');
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  const exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  const stop = onEnd(() => endTree(child.pid, exited));
  const failure = () =>
    child.exitCode === null && child.signalCode === null ? undefined : `it ended with ${child.exitCode ?? child.signalCode}: ${tail(log)}`;
  return { pid: child.pid, exited, stop, failure, tail: () => tail(log) };
}

const tail = (log) => readFileSync(log, 'utf8').trim().split('\n').slice(-6).join(' | ').slice(-700);

/** Asks first, and kills after five seconds what has not gone by then, with everything that it started. */
async function endTree(pid, exited) {
  if (pid === undefined) return;
  const pids = processTree(pid);
  signal(pid, 'SIGTERM');
  await Promise.race([exited, delay(5_000)]);
  for (const each of new Set([...pids, ...processTree(pid)])) signal(each, 'SIGKILL');
  await Promise.race([exited, delay(2_000)]);
}

export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // gone already
  }
}

/** Fields of /proc/PID/stat from the state on; undefined where it is gone or a zombie. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields;
  } catch {
    return undefined;
  }
}

export const allPids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** A process and all that descend from it. */
export function processTree(root) {
  const children = new Map();
  for (const pid of allPids()) {
    const stat = statOf(pid);
    if (stat) children.set(Number(stat[1]), [...(children.get(Number(stat[1])) ?? []), pid]);
  }
  const tree = [];
  for (const queue = [root]; queue.length > 0;) {
    const pid = queue.pop();
    if (statOf(pid)) tree.push(pid);
    queue.push(...(children.get(pid) ?? []));
  }
  return tree;
}

/** CPU seconds, user and system, that these processes have used so far. */
export const cpuSeconds = (pids) =>
  pids.reduce((sum, pid) => {
    const stat = statOf(pid);
    return stat ? sum + (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND : sum;
  }, 0);

/** Resident memory in bytes; pages that two of them share count twice. */
export const residentBytes = (pids) =>
  pids.reduce((sum, pid) => {
    try {
      return sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
    } catch {
      return sum;
    }
  }, 0);

/** A TCP port of the loopback interface that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits for a condition; @throws Error with `what` when it takes too long, or with what `failure` says. */
export async function until(condition, what, { timeoutMs = 60_000, failure = () => undefined, everyMs = 50 } = {}) {
  for (const started = performance.now(); !(await condition()); await delay(everyMs)) {
    const failed = failure();
    if (failed) throw new Error(`${what}: ${failed}`);
    if (performance.now() - started > timeoutMs) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
  }
}
