/** Who is told of the requests of this gateway, as far as anybody is. */
import type { Logger } from 'pino';
import type { TracingConfig } from '../../config.js';
import type { RequestObserver } from './observer.js';
import { AccessLog } from './access-log.js';
import { startTracing } from './tracing.js';

export interface ObserversOptions {
  readonly home: string;
  readonly worker: number;
  readonly instanceId: string;
  readonly serverVersion: string;
  /** Fraction of the requests that the access log has; 0: there is none. */
  readonly accessLogSample: number;
  /** undefined: no traces. */
  readonly tracing: TracingConfig | undefined;
  readonly log: Logger;
}

export interface Observers {
  readonly observe?: RequestObserver;
  /** Writes and sends what waits. */
  close(): Promise<void>;
}

export async function createObservers({ accessLogSample: sample, tracing, log, home, worker, ...rest }: ObserversOptions): Promise<Observers> {
  const parts: { observe: RequestObserver; close(): Promise<void> }[] = [];
  if (sample > 0) {
    try {
      parts.push(new AccessLog({ home, worker, sample, log }));
    } catch (error) {
      log.error({ err: error }, 'cannot open the file of the access log: no access log is written');
    }
  }
  if (tracing) parts.push(await startTracing({ ...tracing, ...rest, log }));
  const close = async (): Promise<void> => void (await Promise.all(parts.map((part) => part.close())));
  const [first, second] = parts.map((part) => part.observe);
  if (!first) return { close };
  if (!second) return { observe: first, close };
  return {
    observe: (outcome) => {
      first(outcome);
      second(outcome);
    },
    close,
  };
}
