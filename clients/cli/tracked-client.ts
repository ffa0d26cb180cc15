/** The client of a command: it knows whether the server was reached, and tries again while a server that was reached is away. */
import { PilothouseClient, type Document } from '../typescript/src/client.js';
import { PilothouseError } from '../typescript/src/errors.js';
import type { Connection } from './connection.js';
import { isUnreachable } from './exit-codes.js';

const RETRY_EVERY_MS = 500;
const PROBE_MS = 2_000;

export interface Patience {
  /** Ends the command's work. */
  readonly deadline: () => AbortSignal;
  /** Tells who waits. */
  readonly note: (text: string) => void;
}

export class TrackedClient extends PilothouseClient {
  /** Whether the server has ever answered. */
  reached = false;
  /** Ends every request, once a deadline is known. */
  deadline: AbortSignal | undefined;
  private told = false;

  constructor(
    connection: Connection,
    private readonly patience: Patience,
  ) {
    super(connection);
  }

  /** A query is repeated while the server is away; what a mutation does must be wrapped in `persist` where it may be repeated. */
  override request<R, V>(document: Document<R, V>, variables?: V, signal?: AbortSignal): Promise<R> {
    const attempt = async (): Promise<R> => {
      try {
        const result = await super.request(document, variables, signal ?? this.deadline);
        this.reached = true;
        this.told = false;
        return result;
      } catch (error) {
        if (!isUnreachable(error) && !this.deadline?.aborted) this.reached = true;
        throw error;
      }
    };
    if (!/^\s*query\b/.test(String(document))) return attempt();
    return attempt().catch((error: unknown) => {
      this.expectAway(error);
      return this.persist(attempt);
    });
  }

  /**
   * Repeats work while a server that has answered before is away, until the deadline.
   * @throws what the work throws for any other reason, and at once where the server never answered
   */
  async persist<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = this.patience.deadline();
    for (;;) {
      try {
        return await work(signal);
      } catch (error) {
        signal.throwIfAborted();
        this.expectAway(error);
        await pause(RETRY_EVERY_MS, signal);
      }
    }
  }

  /** For subscriptions, which go on by themselves. */
  readonly onBreak = (reason: string): void => {
    this.told = true;
    this.patience.note(`${this.url} cannot be reached (${reason}); waiting until it is back`);
  };

  /** Says, once until it is back, that the server is away. @throws the error, where another attempt would not help */
  private expectAway(error: unknown): void {
    if (!(error instanceof PilothouseError) || !['UNAVAILABLE', 'UNCONFIRMED'].includes(error.code) || !this.reached) throw error;
    if (!this.told) this.onBreak(error.message);
  }

  /** Whether anything answers at the server's address now. */
  async answers(): Promise<boolean> {
    try {
      await fetch(`${this.url}/healthz`, { signal: AbortSignal.timeout(PROBE_MS) });
      return true;
    } catch {
      return false;
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
