/**
 * The access log: a line of JSON for a sample of the requests, and for every failure that is ours as long as those are few. Nobody
 * waits for it: lines are buffered within bounds, and what does not fit is dropped and counted.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { destination, pino, stdTimeFunctions, type Logger } from 'pino';
import { SERVER_ERROR_KINDS } from '../error-kinds.js';
import type { RequestObserver, RequestOutcome } from '../observer.js';

export interface AccessLogOptions {
  readonly home: string;
  readonly worker: number;
  /** Fraction of the requests that get a line, above 0 to 1. */
  readonly sample: number;
  readonly log: Logger;
  /** For tests: how chance falls, from 0 to below 1. */
  readonly random?: () => number;
}

/** Failures that get a line without being drawn, each second. When everything fails, a thousand lines say no more than ten. */
export const FAILURES_PER_SECOND = 10;
/** Lines are written together when they are as many bytes, or after this long. */
const WRITE_BYTES = 8 * 1024;
const WRITE_MS = 1_000;
/** What may wait for a slow disk. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Enough of a caller's hash to tell callers apart. */
const CALLER_DIGITS = 8;

const OURS: ReadonlySet<string> = new Set([...SERVER_ERROR_KINDS, 'INTERNAL']);

export const accessLogPath = (home: string): string => join(home, 'logs', 'gateway-access.log');

export class AccessLog {
  private readonly file: ReturnType<typeof destination>;
  private readonly line: Logger;
  private second = 0;
  private failures = 0;
  /** Lines that were to be written and were not, since the last one that was. */
  private dropped = 0;

  /** @throws Error when the file cannot be opened */
  constructor(private readonly options: AccessLogOptions) {
    mkdirSync(join(options.home, 'logs'), { recursive: true });
    const dest = accessLogPath(options.home);
    this.file = destination({ dest, sync: false, append: true, minLength: WRITE_BYTES, maxLength: MAX_WAITING_BYTES, periodicFlush: WRITE_MS, mode: 0o600 });
    this.file.on('drop', () => this.dropped++);
    this.file.on('error', (error: Error) => options.log.warn({ err: error }, 'the access log cannot be written'));
    this.line = pino({ base: { worker: options.worker }, timestamp: stdTimeFunctions.isoTime }, this.file);
  }

  readonly observe: RequestObserver = (outcome) => {
    const { sample, random = Math.random } = this.options;
    const drawn = sample >= 1 || random() < sample;
    if (!drawn && !(outcome.failure !== undefined && OURS.has(outcome.failure) && this.mayLogFailure(outcome.endedAt))) return;
    const fields = lineOf(outcome, drawn);
    if (this.dropped > 0) fields['dropped'] = this.dropped;
    this.dropped = 0;
    this.line.info(fields);
  };

  /** Resolves when everything that was to be written is. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.file.once('close', resolve);
      this.file.once('error', () => resolve());
      this.file.end();
    });
  }

  private mayLogFailure(at: number): boolean {
    const second = Math.floor(at / 1000);
    if (second !== this.second) {
      this.second = second;
      this.failures = 0;
    }
    if (++this.failures <= FAILURES_PER_SECOND) return true;
    this.dropped++;
    return false;
  }
}

function lineOf({ call, model, version, endedAt, failure, timing, responseBytes }: RequestOutcome, drawn: boolean): Record<string, unknown> {
  const { requestId, protocol, caller, requestBytes } = call.context;
  return {
    requestId,
    protocol,
    model,
    version,
    outcome: failure ?? 'SUCCESS',
    totalMs: rounded(endedAt - call.arrivedAt),
    ...(timing && {
      queueMs: rounded(timing.sentAt - call.arrivedAt),
      computeMs: rounded(timing.computeMs),
      batchRows: timing.batchRows,
      batchRequests: timing.batchRequests,
      replica: timing.replicaId,
    }),
    requestBytes,
    responseBytes,
    ...(caller !== '' && { caller: caller.slice(0, CALLER_DIGITS) }),
    // What was drawn stands for others; a failure that was not stands for itself.
    drawn,
  };
}

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
