/** One server of those on a database leads: it alone reconciles, sequences events, runs monitors and scales. */
import pg from 'pg';
import type { EntityManager } from 'typeorm';
import { DomainError } from '../errors.js';

/** Thrown when a write comes from a server that no longer leads; the work is given up, the new leader does it. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError';
}

/** What a leader's work carries. */
export interface Fence {
  readonly epoch: number;
  /**
   * Call it in the transaction of every write of the leader: it locks the epoch's row FOR SHARE, so that no later leader can
   * begin before this transaction ends.
   * @throws NotLeaderError when another server has taken over.
   */
  check(manager: EntityManager): Promise<void>;
}

/** Key of the session-level advisory lock that the leader holds: it frees at once when the leader's connection ends. */
const LEADER_LOCK = 0x50494c01;
const RETRY_MS = 500;
const HEARTBEAT_MS = 2_000;
/** A gateway that was heard of within this time lives. */
export const GATEWAY_ALIVE_MS = 10_000;

export interface LeadershipOptions {
  readonly url: string;
  /** Names this server in the epoch's row. */
  readonly holder: string;
  readonly host: string;
  readonly home: string;
  /** Called when this server begins to lead; what it started must stop when `signal` aborts. */
  readonly lead: (fence: Fence, signal: AbortSignal) => void;
  readonly onError: (error: Error) => void;
}

export class Leadership {
  private client: pg.Client | undefined;
  private term: AbortController | undefined;
  /** Holds the lock already. */
  private joined: pg.Client | undefined;
  private started = false;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: LeadershipOptions) {}

  get leads(): boolean {
    return this.term !== undefined;
  }

  /**
   * Takes the place that a leader would have, where it is free, without leading yet: nobody else takes it meanwhile, and what must
   * not happen beside a Pilothouse elsewhere may begin.
   * @throws DomainError FAILED_PRECONDITION when the database belongs to a home or host elsewhere that is alive: its replicas
   * cannot be seen from here, and a second leader would start doubles.
   */
  async join(): Promise<void> {
    const client = await this.connect();
    if (await this.take(client)) this.joined = client;
  }

  /** Begins to stand for leadership, and does so until closed. @throws DomainError as `join` does */
  async start(): Promise<void> {
    this.started = true;
    if (this.joined && this.joined === this.client) await this.begin(this.joined);
    else await this.attempt();
    this.joined = undefined;
  }

  /** Gives leadership up at once, so that another server can take it. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.resign();
    const client = this.client;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async attempt(): Promise<void> {
    const client = this.client ?? (await this.connect());
    if (await this.take(client)) await this.begin(client);
    else this.later(() => this.attempt(), RETRY_MS);
  }

  private async take(client: pg.Client): Promise<boolean> {
    const { rows } = await client.query<{ led: boolean }>('SELECT pg_try_advisory_lock($1) AS led', [LEADER_LOCK]);
    await this.refuseElsewhere(client, rows[0]!.led);
    return rows[0]!.led;
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.options.url,
      application_name: 'pilothouse-leader',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    });
    const lost = (error: Error): void => {
      if (this.client !== client) return;
      this.client = undefined;
      this.resign();
      this.options.onError(error);
      if (this.started) this.later(() => this.attempt(), RETRY_MS);
    };
    client.on('error', lost);
    client.on('end', () => lost(new Error("the database closed the leader's connection")));
    await client.connect();
    this.client = client;
    return client;
  }

  private async begin(client: pg.Client): Promise<void> {
    const { holder, host, home } = this.options;
    const { rows } = await client.query<{ epoch: string }>(
      'UPDATE leadership SET epoch = epoch + 1, holder = $1, heartbeat_at = now(), host = $2, home = $3 WHERE id = 1 RETURNING epoch',
      [holder, host, home],
    );
    const epoch = Number(rows[0]!.epoch);
    const term = new AbortController();
    this.term = term;
    this.later(() => this.beat(client), HEARTBEAT_MS);
    this.options.lead({ epoch, check: (manager) => checkEpoch(manager, epoch) }, term.signal);
  }

  private async beat(client: pg.Client): Promise<void> {
    await client.query('UPDATE leadership SET heartbeat_at = now() WHERE id = 1');
    this.later(() => this.beat(client), HEARTBEAT_MS);
  }

  private async refuseElsewhere(client: pg.Client, free: boolean): Promise<void> {
    const { host, home } = this.options;
    const { rows } = await client.query<{ host: string | null; home: string | null; gateways: string }>(
      `SELECT host, home, (SELECT count(*) FROM gateway WHERE heartbeat_at > now() - make_interval(secs => $1)) AS gateways FROM leadership WHERE id = 1`,
      [GATEWAY_ALIVE_MS / 1000],
    );
    const row = rows[0]!;
    const elsewhere = row.host !== null && (row.host !== host || row.home !== home);
    if (!elsewhere || (free && Number(row.gateways) === 0)) return;
    if (free) await client.query('SELECT pg_advisory_unlock($1)', [LEADER_LOCK]);
    throw new DomainError(
      'FAILED_PRECONDITION',
      `the database is in use by a Pilothouse on host ${row.host} with PILOTHOUSE_HOME=${row.home}; servers that share a database must share host and home (this is host ${host}, home ${home})`,
    );
  }

  private resign(): void {
    this.term?.abort();
    this.term = undefined;
  }

  private later(work: () => Promise<void>, ms: number): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      work().catch((error: Error) => {
        this.options.onError(error);
        if (!this.client) this.later(() => this.attempt(), RETRY_MS);
        else if (this.leads) this.later(() => this.beat(this.client!), HEARTBEAT_MS);
        else this.later(() => this.attempt(), RETRY_MS);
      });
    }, ms);
  }
}

async function checkEpoch(manager: EntityManager, epoch: number): Promise<void> {
  const rows: { epoch: string }[] = await manager.query('SELECT epoch FROM leadership WHERE id = 1 FOR SHARE');
  if (Number(rows[0]?.epoch) !== epoch) throw new NotLeaderError(`epoch ${epoch} is over, ${rows[0]?.epoch} began`);
}
