/** One server of those on a database leads: it alone reconciles, sequences events, runs monitors and scales. See docs/decisions/0031-leadership.md. */
import type { EntityManager } from 'typeorm';
import { DomainError } from '../errors.js';
import { HeartbeatWatch } from './heartbeat-watch.js';
import { endHolder, lockEpoch, prepareSession, raiseEpoch, readRow, tryLock, unlock, writeBeat, type LeaderRow } from './leader-row.js';
import { KEEP_ALIVE, LimitedClient } from './limited-client.js';

/** Thrown when a write comes from a server that no longer leads; the work is given up, the new leader does it. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError';
}

/** What a leader's work carries. */
export interface Fence {
  readonly epoch: number;
  /**
   * Call it in the transaction of every write of the leader: it locks the epoch, so that no later leader can begin before this
   * transaction ends.
   * @throws NotLeaderError when another server has taken over.
   */
  check(manager: EntityManager): Promise<void>;
}

const RETRY_MS = 500;
const HEARTBEAT_MS = 1_000;
/** A leader whose heartbeat does not change for this long is replaced. */
const STALE_MS = 6_000;
/** A candidate that looked less often than this did not look. */
const MAX_STEP_MS = 4 * RETRY_MS;
/** How long the database may take to answer on this connection. */
const ANSWER_MS = 4_000;
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
  /** Default 1 s and 6 s. */
  readonly heartbeatMs?: number;
  readonly staleMs?: number;
}

export class Leadership {
  private client: LimitedClient | undefined;
  private term: AbortController | undefined;
  /** Epoch under which the heart of the lock's holder beats; undefined for a candidate. */
  private epoch: number | undefined;
  private started = false;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly heartbeatMs: number;
  private readonly watch: HeartbeatWatch;

  constructor(private readonly options: LeadershipOptions) {
    this.heartbeatMs = options.heartbeatMs ?? HEARTBEAT_MS;
    this.watch = new HeartbeatWatch(options.staleMs ?? STALE_MS, MAX_STEP_MS);
  }

  get leads(): boolean {
    return this.term !== undefined;
  }

  /**
   * Takes the lock, where it is free, without leading yet: no other server can take it meanwhile, and what must not happen beside a Pilothouse
   * elsewhere may begin.
   * @throws DomainError FAILED_PRECONDITION when the database belongs to a home or host elsewhere that is alive: its replicas
   * cannot be seen from here, and a second leader would start doubles.
   */
  async join(): Promise<void> {
    const client = await this.connect();
    if (await this.take(client)) this.later(() => this.beat(client), this.heartbeatMs);
  }

  /** Begins to stand for leadership, and does so until closed. @throws DomainError as `join` does */
  async start(): Promise<void> {
    this.started = true;
    if (this.client && this.epoch !== undefined) await this.begin(this.client);
    else await this.attempt();
  }

  /** Gives leadership up at once, so that another server can take it. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.resign();
    await client?.leave();
  }

  private async attempt(): Promise<void> {
    const client = this.client ?? (await this.connect());
    if (await this.take(client)) await this.begin(client);
    else this.later(() => this.attempt(), RETRY_MS);
  }

  /** Whether the lock is held. A holder whose heartbeat has stopped is ended, and the next attempt may have the lock. */
  private async take(client: LimitedClient): Promise<boolean> {
    const led = await tryLock(client);
    const row = await readRow(client);
    await this.refuseElsewhere(client, led, row);
    if (led) {
      this.epoch = row.epoch;
      this.watch.reset();
    } else if (this.watch.look(row.beat, performance.now())) {
      this.options.onError(new Error(`the leader ${row.holder ?? '(unnamed)'} does not answer: ending its connection to take over`));
      this.watch.reset();
      await endHolder(client, row);
    }
    return led;
  }

  private async connect(): Promise<LimitedClient> {
    const { url: connectionString } = this.options;
    const client = new LimitedClient({ connectionString, application_name: 'pilothouse-leader', connectionTimeoutMillis: ANSWER_MS, ...KEEP_ALIVE }, ANSWER_MS);
    const lost = (error: Error): void => {
      if (this.client !== client) return;
      this.resign();
      this.options.onError(error);
      if (this.started) this.later(() => this.attempt(), RETRY_MS);
    };
    client.on('error', lost);
    client.on('end', () => lost(client.lost ?? new Error("the database closed the leader's connection")));
    try {
      await client.connect();
      await prepareSession(client);
    } catch (error) {
      void client.leave();
      throw error;
    }
    if (this.closed) {
      await client.leave();
      throw new Error('this server no longer takes part in leadership');
    }
    this.client = client;
    return client;
  }

  private async begin(client: LimitedClient): Promise<void> {
    const epoch = await raiseEpoch(client, this.options);
    // The connection may have been lost, or this server closed, while the answer was on its way.
    if (this.client !== client) return;
    this.epoch = epoch;
    const term = (this.term = new AbortController());
    this.later(() => this.beat(client), this.heartbeatMs);
    const check = async (manager: EntityManager): Promise<void> => {
      const current = await lockEpoch(manager);
      if (current !== epoch) throw new NotLeaderError(`epoch ${epoch} is over; epoch ${current} began`);
    };
    this.options.lead({ epoch, check }, term.signal);
  }

  private async beat(client: LimitedClient): Promise<void> {
    const { epoch } = this;
    if (epoch === undefined || this.client !== client) return;
    if (!(await writeBeat(client, epoch))) throw new NotLeaderError(`epoch ${epoch} is over`);
    this.later(() => this.beat(client), this.heartbeatMs);
  }

  private async refuseElsewhere(client: LimitedClient, free: boolean, row: LeaderRow): Promise<void> {
    const { host, home } = this.options;
    const elsewhere = row.host !== null && (row.host !== host || row.home !== home);
    if (!elsewhere || (free && !(await gatewaysLive(client)))) return;
    if (free) await unlock(client);
    throw new DomainError(
      'FAILED_PRECONDITION',
      `the database is in use by a Pilothouse on host ${row.host} with PILOTHOUSE_HOME=${row.home}; servers that share a database must share host and home (this is host ${host}, home ${home})`,
    );
  }

  /** Ends the term, and the connection with the lock: what comes next begins with another one. */
  private resign(): void {
    const { client, term } = this;
    this.client = this.term = this.epoch = undefined;
    void client?.leave();
    term?.abort();
  }

  private later(work: () => Promise<void>, ms: number): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      work().catch((error: Error) => {
        this.options.onError(error);
        this.watch.reset();
        this.resign();
        if (this.started) this.later(() => this.attempt(), RETRY_MS);
      });
    }, ms);
  }
}

async function gatewaysLive(client: LimitedClient): Promise<boolean> {
  const { rows } = await client.query<{ live: boolean }>(
    'SELECT EXISTS (SELECT 1 FROM gateway WHERE heartbeat_at > now() - make_interval(secs => $1)) AS live',
    [GATEWAY_ALIVE_MS / 1000],
  );
  return rows[0]!.live;
}
