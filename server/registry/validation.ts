/**
 * Validates a version in a process of its own, under a time and a memory limit: whatever the model does, the server does not
 * notice, and the version is READY, or REJECTED with the runtime's own message.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { RowIndependence } from '../../runtimes/host/row-independence.js';
import type { AnsweredTensor, ValidateReport, ValidateRequest } from '../../runtimes/host/validate-main.js';
import type { HostCommand, RuntimeOptions } from '../../runtimes/contract.js';
import type { SampleTensor } from '../../runtimes/sample.js';
import type { Signature } from '../../runtimes/tensor.js';
import { idleMemory, limitedCommand, watchMemory, type MemoryBudget } from '../engines/limits.js';
import { logText, SEQUENCE_BYTES } from '../engines/log-text.js';
import { childEnvironment } from '../config.js';
import { program } from '../paths.js';
import { processEnvironment } from '../process-environment.js';

/** What is kept of the log: enough for a stack trace of a library. */
const LOG_TAIL_BYTES = 8 * 1024;
/** A report holds a signature and a bounded sample answer; more than this is a process gone wild. */
const MAX_REPORT_BYTES = 64 * 1024 ** 2;
/** Seconds of computing a limit leaves to a process whose server was killed, for each second it may take. */
const CPU_SLACK = 4;

export interface ValidationRequest {
  /** Absolute path of a folder that holds the version's files and nothing else. */
  readonly folder: string;
  /** Relative to the folder, with forward slashes. */
  readonly files: readonly string[];
  readonly format: string;
  /** Name of the plugin that claims the format. */
  readonly runtime: string;
  /** null: a request is made from the signature. */
  readonly sample: readonly SampleTensor[] | null;
  readonly options: RuntimeOptions;
  /** null: nothing was declared. */
  readonly declaredSignature: Signature | null;
  /** Absolute path of an empty folder for the runtime. */
  readonly scratch: string;
  /** Default 1. */
  readonly threads?: number;
  /** Outside plugin modules: names or absolute paths. */
  readonly outsideModules: readonly string[];
  /** PILOTHOUSE_TFJS_NODE_CACHE. */
  readonly nativeCache?: string | undefined;
  /** The plugin's own host; undefined where Node hosts its models. */
  readonly host?: HostCommand | undefined;
  readonly timeoutMs: number;
  /** What the model may use on top of the idle runtime. */
  readonly memoryBytes: number;
  /** Its abort ends the validation, which then rejects with the signal's reason: that says nothing of the version. */
  readonly signal?: AbortSignal;
}

export type ValidationResult =
  | {
      readonly state: 'READY';
      readonly signature: Signature;
      readonly backend: string;
      /** Name and version of the library behind it, where the plugin says them. */
      readonly library?: string | undefined;
      /** Resident memory after the inference. */
      readonly memoryBytes: number;
      readonly loadMs: number;
      /** The answer to the sample, or to the request made from the signature. */
      readonly outputs: readonly AnsweredTensor[];
      readonly rowIndependence: RowIndependence;
    }
  | { readonly state: 'REJECTED'; readonly reason: string; readonly logTail: string };

/** How the process ended, and what it left. */
interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly report: string;
  readonly logTail: string;
  /** Why this side ended it. */
  readonly stopped: string | undefined;
}

/** @throws what `signal` was aborted with; Error when a process cannot be started at all. Never for the version's fault. */
export async function validateVersion(request: ValidationRequest): Promise<ValidationResult> {
  request.signal?.throwIfAborted();
  const escaping = request.files.find((file) => !isInside(file));
  if (escaping !== undefined)
    return {
      state: 'REJECTED',
      reason: `the file path "${escaping}" is not relative to the version's folder, with forward slashes and without "." and ".."`,
      logTail: '',
    };
  const { runtime, threads, outsideModules, nativeCache, host } = request;
  // The validating process is Node's, and the host is one more beside it.
  const hostBytes = host ? (await idleMemory({ runtime, host })).dataBytes : 0;
  const budget: MemoryBudget = { runtime, threads, outsideModules, nativeCache, memoryBytes: request.memoryBytes + hostBytes };
  const ending = await runProcess(request, budget);
  request.signal?.throwIfAborted();
  const [first = '', second = ''] = ending.report.split('\n');
  const report = parseLine<ValidateReport>(first);
  if (report?.ok) {
    const { signature, backend, library, memoryBytes, loadMs, outputs } = report;
    // The version has answered: what became of the process since then says nothing against it.
    const reason = withoutFolder(`the rows could not be compared: ${reasonOf(request, ending, undefined)}`, request.folder);
    const rowIndependence = parseLine<RowIndependence>(second) ?? { verdict: 'UNKNOWN', reason };
    return { state: 'READY', signature, backend, library, memoryBytes, loadMs, outputs, rowIndependence };
  }
  const reason = report?.noSample === true && ending.stopped === undefined ? report.reason : reasonOf(request, ending, report?.reason);
  return { state: 'REJECTED', reason: withoutFolder(reason, request.folder), logTail: withoutFolder(ending.logTail, request.folder) };
}

async function runProcess(request: ValidationRequest, budget: MemoryBudget): Promise<Ending> {
  const { command, args } = await limitedCommand(withCpuLimit([process.execPath, program('runtimes/host/validate-main')], request), budget);
  request.signal?.throwIfAborted();
  // A group of its own: what the model starts is ended with it.
  const env = processEnvironment(childEnvironment());
  const child = spawn(command, args, { cwd: request.folder, env, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  const end = ended(child);
  // It is awaited below; until then a process that cannot be started must not be an unhandled rejection.
  end.catch(() => undefined);
  let stopped: string | undefined;
  const stop = (why: string) => {
    stopped ??= why;
    killGroup(child);
  };
  const timer = setTimeout(() => stop(`it gave no answer within ${request.timeoutMs} ms`), request.timeoutMs);
  const onAbort = () => stop('the validation was cancelled');
  request.signal?.addEventListener('abort', onAbort, { once: true });
  let unwatch = () => undefined as void;
  try {
    const log = tailOf([child.stdout!, child.stderr!]);
    const report = collect(child.stdio[REPORT] as Readable, () => stop(`its report is larger than ${MAX_REPORT_BYTES} bytes`));
    send(child, toProcess(request));
    if (child.pid !== undefined) unwatch = await watchMemory(child.pid, budget, (bytes) => stop(outOfMemory(request, `it used ${bytes} bytes`)));
    const { code, signal } = await end;
    // What the model started and left behind.
    killGroup(child);
    return { code, signal, report: report(), logTail: log(), stopped };
  } finally {
    clearTimeout(timer);
    unwatch();
    request.signal?.removeEventListener('abort', onAbort);
  }
}

const REPORT = 3;

function toProcess({ threads = 1, outsideModules: runtimes, timeoutMs: _, memoryBytes: _1, signal: _2, ...version }: ValidationRequest): ValidateRequest {
  return { ...version, threads, runtimes };
}

/** The server ends a validation at its timeout. This limit ends one whose server was killed meanwhile. */
function withCpuLimit(argv: readonly string[], { timeoutMs, threads = 1 }: ValidationRequest): readonly string[] {
  if (process.platform === 'win32') return argv;
  const seconds = Math.ceil(timeoutMs / 1000) * CPU_SLACK * threads + CPU_SLACK;
  return ['sh', '-c', `ulimit -t ${seconds} 2>/dev/null; exec "$@"`, 'sh', ...argv];
}

/** The request as one line; standard input stays open, and its end tells the process that the server is gone. */
function send(child: ChildProcess, request: ValidateRequest): void {
  // A process that died already is reported by how it ended.
  child.stdin!.on('error', () => undefined);
  child.stdin!.write(`${JSON.stringify(request)}\n`);
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // `close` comes when the streams are at their end as well, which something that the model started might hold open.
    child.once('exit', (code, signal) => {
      const settle = () => resolve({ code, signal });
      // Where this process was held up, timers are told before what the streams have still to say is read.
      const patience = setTimeout(() => setImmediate(settle), 500);
      child.once('close', () => {
        clearTimeout(patience);
        settle();
      });
      killGroup(child);
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The whole group has ended.
  }
}

function tailOf(streams: readonly Readable[]): () => string {
  let tail = Buffer.alloc(0);
  for (const stream of streams) {
    stream.on('data', (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]);
      if (tail.length > 2 * LOG_TAIL_BYTES) tail = tail.subarray(-(LOG_TAIL_BYTES + SEQUENCE_BYTES));
    });
  }
  return () => logText(tail, LOG_TAIL_BYTES);
}

function collect(stream: Readable, onTooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_REPORT_BYTES) onTooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

/** undefined for a line that was never written, or not to its end. */
function parseLine<T>(line: string): T | undefined {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
}

function reasonOf(request: ValidationRequest, ending: Ending, reported: string | undefined): string {
  if (ending.stopped !== undefined) return ending.stopped;
  if (reported !== undefined) return looksOutOfMemory(reported) ? outOfMemory(request, reported) : reported;
  const end = ending.signal ? `was ended by ${ending.signal}` : `ended with code ${ending.code}`;
  const lastLine = ending.logTail.trim().split('\n').at(-1) ?? '';
  const how = `the validating process ${end} without an answer${lastLine === '' ? '' : `: ${lastLine}`}`;
  return looksOutOfMemory(ending.logTail) ? outOfMemory(request, how) : how;
}

/** The folder is gone when somebody reads of it: its files are told by the names that the version has for them. */
const withoutFolder = (text: string, folder: string): string => text.replaceAll(`${folder}/`, '').replaceAll(folder, "the version's folder");

const looksOutOfMemory = (text: string): boolean =>
  /bad_?alloc|out of memory|cannot allocate|allocation fail|failed to allocate|could not allocate/i.test(text);

const outOfMemory = ({ memoryBytes }: ValidationRequest, how: string): string =>
  `the model needs more memory than the ${memoryBytes} bytes it may use (PILOTHOUSE_VALIDATION_MEMORY_BYTES): ${how}`;

function isInside(file: string): boolean {
  return (
    file !== '' &&
    !file.startsWith('/') &&
    !file.includes('\\') &&
    !file.includes('\0') &&
    file.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}
