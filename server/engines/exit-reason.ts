/** How a replica's process ended, in words and in the parts that a caller can act on. Pure. */
import { constants } from 'node:os';

export interface ProcessEnd {
  /** What the shell saw: 128 + n for signal n; null when nothing was recorded (the shell was killed too, or the machine went down). */
  readonly shellStatus: number | null;
  /** The runtime's own message, where the replica left one. */
  readonly message: string | null;
  /** The signal that the engine itself sent last, if any. */
  readonly sentSignal: NodeJS.Signals | null;
  /** Whether the kernel ended some process for want of memory while this one was running. */
  readonly kernelOutOfMemory: boolean;
  readonly memoryLimitBytes: number | null;
  readonly logTail: string;
}

export interface ExitReport {
  readonly reason: string;
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
}

/** Some numbers have two names, of which the first is the usual one (SIGABRT, SIGIOT). */
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);
/** What allocators, V8 and WebAssembly say when they are refused memory. */
const OUT_OF_MEMORY = /bad_alloc|out of memory|heap limit|allocation failed|cannot allocate memory|failed to allocate/i;

export function describeExit(end: ProcessEnd): ExitReport {
  const signal = end.shellStatus !== null && end.shellStatus > 128 ? (SIGNAL_NAMES.get(end.shellStatus - 128) ?? null) : null;
  const exitCode = signal === null ? end.shellStatus : null;
  const hint = exitCode === 0 ? '' : memoryHint(end, signal);
  return { reason: `${end.message ?? plainReason(end, signal)}${hint}`, exitCode, exitSignal: signal };
}

function plainReason(end: ProcessEnd, signal: string | null): string {
  if (signal !== null) return end.sentSignal === signal ? `ended by the engine with ${signal}` : `killed by ${signal}`;
  if (end.shellStatus === null) return 'the process is gone and left no exit code: it was killed together with its shell, or the machine went down';
  return `exited with code ${end.shellStatus}`;
}

function memoryHint(end: ProcessEnd, signal: string | null): string {
  const limit = end.memoryLimitBytes === null ? '' : `; its limit is ${end.memoryLimitBytes} bytes on top of the idle runtime`;
  if (signal === 'SIGKILL' && end.sentSignal === null && end.kernelOutOfMemory) return ' (the machine ran out of memory)';
  if (OUT_OF_MEMORY.test(end.message ?? end.logTail)) return ` (out of memory${limit})`;
  return '';
}
