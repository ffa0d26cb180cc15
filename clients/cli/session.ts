/** What every command works with: its flags, the server, and what it prints. */
import { PilothouseClient, type Document } from '../typescript/src/client.js';
import { findServer, type Connection } from './connection.js';
import { EXIT, CommandError, isUnreachable } from './exit-codes.js';
import type { Output } from './output.js';

export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly gatewayUrl?: string;
  readonly project?: string;
  readonly timeout?: number;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** Knows whether the server has ever answered, and whether it answers now. Every request ends with the command's own deadline. */
export class TrackedClient extends PilothouseClient {
  reached = false;
  away = false;
  deadline: AbortSignal | undefined;

  override async request<R, V>(document: Document<R, V>, variables?: V, signal?: AbortSignal): Promise<R> {
    try {
      const result = await super.request(document, variables, signal ?? this.deadline);
      this.reached = true;
      this.away = false;
      return result;
    } catch (error) {
      this.away = isUnreachable(error);
      if (!this.away) this.reached = true;
      throw error;
    }
  }
}

export class Session {
  private found: Connection | undefined;
  private opened: TrackedClient | undefined;
  private timer: NodeJS.Timeout | undefined;

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
      this.opened = new TrackedClient(this.connection);
      if (this.options.timeout !== undefined) this.startTimeout(this.options.timeout);
    }
    return this.opened;
  }

  get project(): string {
    return this.options.project ?? 'default';
  }

  /** The signal that ends the command's work when --timeout passes. */
  deadline(defaultMs: number): AbortSignal {
    const { client } = this;
    return client.deadline ?? this.startTimeout(defaultMs);
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.opened?.close();
  }

  private startTimeout(timeoutMs: number): AbortSignal {
    const client = this.opened!;
    const controller = new AbortController();
    client.deadline = controller.signal;
    this.timer = setTimeout(() => {
      const seconds = Math.round(timeoutMs / 100) / 10;
      const unreachable = client.away || !client.reached;
      controller.abort(
        unreachable
          ? new CommandError(EXIT.unreachable, `${client.url} could not be reached within ${seconds} s; the command may have taken effect`)
          : new CommandError(EXIT.timeout, `not finished after ${seconds} s (--timeout); the server goes on with it`),
      );
    }, timeoutMs);
    return controller.signal;
  }
}
