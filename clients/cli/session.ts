/** What every command works with: its flags, the server, and what it prints. */
import { findServer, type Connection } from './connection.js';
import { EXIT, CommandError } from './exit-codes.js';
import type { Output } from './output.js';
import { TrackedClient } from './tracked-client.js';

export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly gatewayUrl?: string;
  readonly project?: string;
  readonly timeout?: number;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** How long a command waits where --timeout does not say. */
const DEFAULT_TIMEOUT_MS = 600_000;

interface FollowPatience {
  readonly patienceMs: number;
  readonly onBreak: (reason: string) => void;
  readonly signal?: AbortSignal;
}

export class Session {
  private found: Connection | undefined;
  private opened: TrackedClient | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** What the server has confirmed so far, for the message of a timeout: `reader:3 was made`. */
  confirmed = '';

  constructor(
    readonly options: GlobalOptions,
    readonly env: Readonly<Record<string, string | undefined>>,
    readonly output: Output,
  ) {}

  get connection(): Connection {
    return (this.found ??= findServer(this.options, this.env));
  }

  get client(): TrackedClient {
    if (!this.opened) {
      this.opened = new TrackedClient(this.connection, { deadline: () => this.deadline(), note: (text) => this.output.note(text) });
      if (this.options.timeout !== undefined) this.startTimeout(this.options.timeout);
    }
    return this.opened;
  }

  get project(): string {
    return this.options.project ?? 'default';
  }

  /** How to follow a stream: until --timeout, and over a server that goes away for that long. */
  get following(): FollowPatience {
    const { deadline: signal, onBreak } = this.client;
    const { timeout } = this.options;
    return { patienceMs: timeout ?? 60_000, onBreak, ...(timeout !== undefined && signal && { signal }) };
  }

  /** The signal that ends the command's work when --timeout passes. */
  deadline(): AbortSignal {
    return this.client.deadline ?? this.startTimeout(DEFAULT_TIMEOUT_MS);
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.opened?.close();
  }

  private startTimeout(timeoutMs: number): AbortSignal {
    const controller = new AbortController();
    this.opened!.deadline = controller.signal;
    this.timer = setTimeout(() => {
      void this.timeoutError(timeoutMs).then((error) => controller.abort(error));
    }, timeoutMs);
    return controller.signal;
  }

  private async timeoutError(timeoutMs: number): Promise<CommandError> {
    const seconds = `${Math.round(timeoutMs / 100) / 10} s`;
    const known = this.confirmed && `; ${this.confirmed}`;
    if (await this.client.answers()) return new CommandError(EXIT.timeout, `not finished after ${seconds} (--timeout)${known}; the server continues it`);
    return new CommandError(
      EXIT.unreachable,
      `${this.client.url} could not be reached within ${seconds}${known || '; the command may have taken effect'}; repeat the command once the server is back`,
    );
  }
}
