/**
 * LISTEN and NOTIFY as wake-ups, never as data: a notification says "look again", and a listener that missed one looks again
 * anyway, after every (re)connect and slowly in between. Uses pg alone, so that the gateway can share it.
 */
import pg from 'pg';
import { KEEP_ALIVE, LimitedClient } from './limited-client.js';

/** Sends empty notifications after commit, at most one a channel in `delayMs`: NOTIFY inside transactions serialises their commits. */
export class Notifier {
  private readonly pending = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly query: (sql: string, parameters: unknown[]) => Promise<unknown>,
    private readonly delayMs = 3,
  ) {}

  /** Never throws: a lost wake-up is made good by the listeners' polling. */
  wake(channel: string): void {
    this.pending.add(channel);
    this.timer ??= setTimeout(() => this.flush(), this.delayMs);
  }

  /** Waits for what is on its way. */
  async close(): Promise<void> {
    if (this.timer) this.flush();
    await this.sending;
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const channels = [...this.pending];
    this.pending.clear();
    this.sending = this.query("SELECT pg_notify(channel, '') FROM unnest($1::text[]) AS channel", [channels]).then(
      () => undefined,
      () => undefined,
    );
  }
}

/** How long the listener's connection may be silent: to be let in, and after each question. */
const ANSWER_MS = 5_000;

export interface ListenerOptions {
  readonly url: string;
  readonly applicationName: string;
  /** A channel was notified, or may have been while the connection was away. Called for every channel after each (re)connect. */
  readonly onWake: (channel: string) => void;
  readonly onDown?: (error: Error) => void;
  readonly onUp?: () => void;
  /** Every channel is woken this often even without a notification. */
  readonly pollMs?: number;
  readonly heartbeatMs?: number;
}

/** One connection that listens, and comes back for as long as it is not closed. */
export class Listener {
  private client: LimitedClient | undefined;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;
  private poll: NodeJS.Timeout | undefined;
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(
    private readonly channels: readonly string[],
    private readonly options: ListenerOptions,
  ) {}

  /** Connects; rejects when the first attempt fails and `retry` is false, else keeps trying in the background. */
  async start(retry = true): Promise<void> {
    this.poll = setInterval(() => this.wakeAll(), this.options.pollMs ?? 2_000);
    try {
      await this.connect();
    } catch (error) {
      if (!retry) throw error;
      this.down(error as Error);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    clearInterval(this.poll);
    clearInterval(this.heartbeat);
    const client = this.client;
    this.client = undefined;
    await client?.leave();
  }

  private async connect(): Promise<void> {
    const { url: connectionString, applicationName: application_name } = this.options;
    // A peer that vanished without a word is noticed only by asking it something.
    const client = new LimitedClient({ connectionString, application_name, connectionTimeoutMillis: ANSWER_MS, ...KEEP_ALIVE }, ANSWER_MS);
    client.on('error', (error) => this.lost(client, error));
    client.on('end', () => this.lost(client, new Error('the database closed the connection')));
    client.on('notification', ({ channel }) => this.options.onWake(channel));
    try {
      await client.connect();
      for (const channel of this.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      void client.leave();
      throw error;
    }
    if (this.closed) return void client.leave();
    this.client = client;
    this.heartbeat = setInterval(() => {
      client.query('SELECT 1').catch((error: Error) => this.lost(client, error));
    }, this.options.heartbeatMs ?? 5_000);
    this.options.onUp?.();
    this.wakeAll();
  }

  private lost(client: LimitedClient, error: Error): void {
    if (this.client !== client) return;
    this.client = undefined;
    clearInterval(this.heartbeat);
    void client.leave();
    this.down(error);
  }

  private down(error: Error): void {
    if (this.closed) return;
    this.options.onDown?.(error);
    this.retry = setTimeout(() => {
      this.connect().catch((again: Error) => this.down(again));
    }, 250);
  }

  private wakeAll(): void {
    for (const channel of this.channels) this.options.onWake(channel);
  }
}
