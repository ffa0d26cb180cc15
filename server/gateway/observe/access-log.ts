/**
 * The access log: a line of JSON for a sample of the requests, and for every failure that is ours as long as those are few. No request
 * waits for it: lines are buffered within bounds, and what does not fit is dropped and counted.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino, stdTimeFunctions, type Logger } from 'pino';
import { GatheringLog } from '../../log-sink.js';
import { SERVER_ERROR_KINDS } from '../../metering/error-kinds.js';
import type { RequestObserver, RequestOutcome } from './observer.js';

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
  private readonly file: GatheringLog;
  private readonly line: Logger;
  private second = 0;
  private failures = 0;
  /** Lines that were to be written and were not, since the last one that was. */
  private dropped = 0;

  /** @throws Error when its folder cannot be made */
  constructor(private readonly options: AccessLogOptions) {
    mkdirSync(join(options.home, 'logs'), { recursive: true });
    const { home, log, worker } = options;
    this.file = new GatheringLog('access', {
      ...{ path: accessLogPath(home), bytes: WRITE_BYTES, ms: WRITE_MS, maxBytes: MAX_WAITING_BYTES },
      onTrouble: (error) => log.warn({ err: error }, 'cannot write the access log: up to 4 MiB of its lines are kept, and more are dropped'),
      onRecovered: ({ lines, code }) => log.warn({ dropped: lines, code }, 'the access log can be written again'),
    });
    const write = (line: string): void => void (this.file.write(line) || this.dropped++);
    this.line = pino({ base: { worker }, timestamp: stdTimeFunctions.isoTime }, { write });
  }

  readonly observe: RequestObserver = (outcome) => {
    const { sample, random = Math.random } = this.options;
    const drawn = sample >= 1 || random() < sample;
    if (!drawn && !(outcome.failure !== undefined && OURS.has(outcome.failure) && this.mayLogFailure(outcome.endedAt))) return;
    const fields = lineOf(outcome, drawn);
    const { dropped } = this;
    if (dropped > 0) fields['dropped'] = dropped;
    this.line.info(fields);
    // A line that is dropped itself does not report those before it.
    if (this.dropped === dropped) this.dropped = 0;
  };

  /** Resolves when everything that was to be written is. */
  close(): Promise<void> {
    return this.file.close();
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
