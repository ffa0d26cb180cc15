/**
 * Memory limits on a runtime process, from outside. The limit is RLIMIT_DATA, because a library then gets
 * a clean allocation failure to report, where RLIMIT_AS breaks WebAssembly's reservations and polling comes too late for one big
 * allocation. What a runtime needs idle depends on Node (82 MB on 20, 574 MB on 24) and on its library, so it is measured
 * once per server and added to the budget.
 */
import { execFile } from 'node:child_process';
import type { HostCommand } from '../../runtimes/contract.js';
import { childEnvironment } from '../config.js';
import { program } from '../paths.js';
import { processEnvironment } from '../process-environment.js';
import { treeBytes } from './process-tree.js';

const MIB = 1024 ** 2;
/** What starting up takes for a moment above the idle that is measured after it: parsing, compiling, the sample's JSON. */
const START_UP_BYTES = 32 * MIB;
/** Where a runtime cannot even be measured, so that a limit still holds against a model that takes everything. */
const UNMEASURED: IdleMemory = { dataBytes: 1024 * MIB, residentBytes: 512 * MIB };
/** The kernel then ends a runtime process before it ends PostgreSQL or the server. */
const OOM_SCORE_ADJ = 500;
const MEASURE_TIMEOUT_MS = 30_000;

/** What a process needs of memory with its runtime loaded and no model: what RLIMIT_DATA counts, and what is resident. */
export interface IdleMemory {
  readonly dataBytes: number;
  readonly residentBytes: number;
}

export interface RuntimeOfProcess {
  /** Name of the plugin. */
  readonly runtime: string;
  /** Threads of one inference: each has a stack that counts. Default 1. */
  readonly threads?: number;
  /** Outside plugin modules, as configured. */
  readonly outsideModules?: readonly string[];
  /** The backend that it has to use; see `LoadOptions`. Each needs other memory. */
  readonly backend?: string | null | undefined;
  readonly nativeCache?: string | undefined;
  /** The plugin's own host; undefined where Node hosts its models. */
  readonly host?: HostCommand | undefined;
}

export interface MemoryBudget extends RuntimeOfProcess {
  /** What the model may use on top of the idle runtime; null for no limit. */
  readonly memoryBytes: number | null;
}

const measured = new Map<string, Promise<IdleMemory>>();

/** Measured by a process of its own at the first call (about 0.15 s, native TensorFlow 0.6 s), remembered from then on. */
export function idleMemory(of: RuntimeOfProcess): Promise<IdleMemory> {
  const { runtime, threads = 1, outsideModules = [], backend, nativeCache, host } = of;
  const key = JSON.stringify(host ?? { runtime, threads, outsideModules, backend, nativeCache });
  let known = measured.get(key);
  if (!known) measured.set(key, (known = measure(key, host)));
  return known;
}

/**
 * Shell text to put before the command of a runtime process, in the same `sh`: sets the limit and volunteers the process to
 * the kernel's out-of-memory killer. Composable: `sh -c '<prefix>exec "$@"' sh node …`.
 */
export async function limitPrefix(budget: MemoryBudget): Promise<string> {
  if (process.platform === 'win32') return '';
  const volunteer = process.platform === 'linux' ? `{ echo ${OOM_SCORE_ADJ} >/proc/self/oom_score_adj; } 2>/dev/null; ` : '';
  if (budget.memoryBytes === null) return volunteer;
  // A hard limit that is lower already refuses this; it is then the stricter one, and the command goes on under it.
  return `ulimit -d ${await memoryLimitKilobytes({ ...budget, memoryBytes: budget.memoryBytes })} 2>/dev/null; ${volunteer}`;
}

/** RLIMIT_DATA of a process with this budget, in KiB, as `ulimit -d` takes it. */
export async function memoryLimitKilobytes(budget: MemoryBudget & { readonly memoryBytes: number }): Promise<number> {
  const { dataBytes } = await idleMemory(budget);
  return Math.ceil((dataBytes + START_UP_BYTES + budget.memoryBytes) / 1024);
}

/** Wraps a command so that it runs under its limit, with its own pid (the shell execs it). */
export async function limitedCommand(argv: readonly string[], budget: MemoryBudget): Promise<{ command: string; args: string[] }> {
  const prefix = await limitPrefix(budget);
  if (prefix === '') return { command: argv[0]!, args: argv.slice(1) };
  return { command: 'sh', args: ['-c', `${prefix}exec "$@"`, 'sh', ...argv] };
}

/**
 * Looks at the resident memory of a process and of all that it started, and calls back once when it passed idle plus budget: RLIMIT_DATA holds for
 * each process alone, and not everywhere (macOS, some sandboxes). Returns how to stop.
 */
export async function watchMemory(pid: number, budget: MemoryBudget, onExceeded: (bytes: number) => void, intervalMs = 200): Promise<() => void> {
  if (budget.memoryBytes === null) return () => undefined;
  const limit = (await idleMemory(budget)).residentBytes + START_UP_BYTES + budget.memoryBytes;
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void treeBytes(pid).then(
      (bytes) => {
        looking = false;
        if (bytes === undefined) clearInterval(timer);
        else if (bytes > limit) {
          clearInterval(timer);
          onExceeded(bytes);
        }
      },
      // It is looked at again.
      () => (looking = false),
    );
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function measure(request: string, host: HostCommand | undefined): Promise<IdleMemory> {
  const [path, ...args] = host ? [...host.command, ...(host.idle ?? [])] : [process.execPath, program('runtimes/host/idle-main'), request];
  if (host && !host.idle) return { dataBytes: 0, residentBytes: 0 };
  const printed = await new Promise<string>((resolve) => {
    const env = { ...processEnvironment(childEnvironment()), ...host?.environment };
    execFile(path!, args, { env, timeout: MEASURE_TIMEOUT_MS, killSignal: 'SIGKILL' }, (_error, stdout) => resolve(stdout));
  });
  // Libraries may print on stdout as well: the measurement is the last line.
  const last = printed.trim().split('\n').at(-1) ?? '';
  const match = /^idle (\d+) (\d+)$/.exec(last);
  return match ? { dataBytes: Number(match[1]), residentBytes: Number(match[2]) } : UNMEASURED;
}
