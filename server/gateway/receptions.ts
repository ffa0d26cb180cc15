/**
 * Requests that are being received, over HTTP and gRPC together. They share one limit on memory, in equal parts between callers: where
 * there is no room, a request of the caller that holds the most ends. Requests that come too slowly end too.
 */
import { MAX_RECEIVING_BYTES, RECEPTION_MIN_RATE, RECEPTION_SLOW_MS, REQUEST_TIMEOUT_MS } from './limits.js';
import { firstToEnd, greediest, latenessOf, rateOf, type Lateness, type Progress } from './reception-rules.js';

/** Why a request is not received any further. */
export interface ReceptionEnd {
  readonly reason: 'room' | Lateness;
  readonly message: string;
}

/** What one piece of a request costs beside its bytes: many small pieces take more memory than one large one. */
const PIECE_BYTES = 128;
const SWEEP_MS = 1_000;

interface Account {
  bytes: number;
  readonly receptions: Set<Reception>;
}

/** One request from its first byte to its last. */
export class Reception implements Progress {
  bytes = 0;
  briskAt: number;
  mark: Progress['mark'];
  nextMark: Progress['mark'];

  constructor(
    private readonly owner: Receptions,
    readonly caller: string,
    public startedAt: number,
    readonly onEnd: (end: ReceptionEnd) => void,
    readonly timed: boolean,
  ) {
    this.briskAt = startedAt;
    this.mark = this.nextMark = { bytes: 0, at: startedAt };
  }

  /** A piece has come. This may end the request itself. */
  add(bytes: number): void {
    this.owner.count(this, bytes + PIECE_BYTES);
  }

  /** The request has come whole, or is not wanted any more. */
  done(): void {
    this.owner.remove(this);
  }
}

export class Receptions {
  private readonly accounts = new Map<string, Account>();
  private bytes = 0;
  private readonly sweeper: NodeJS.Timeout;
  private sweptAt: number;

  constructor(
    private readonly maxBytes = MAX_RECEIVING_BYTES,
    private readonly now = (): number => performance.now(),
  ) {
    this.sweptAt = this.now();
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /**
   * @param caller the token's hash; `''` where there is none
   * @param onEnd told once, where it ends before it is `done`
   * @param timed whether it ends when it comes too slowly
   */
  begin(caller: string, onEnd: (end: ReceptionEnd) => void, timed = true): Reception {
    const reception = new Reception(this, caller, this.now(), onEnd, timed);
    let account = this.accounts.get(caller);
    if (!account) this.accounts.set(caller, (account = { bytes: 0, receptions: new Set() }));
    account.receptions.add(reception);
    return reception;
  }

  /** Of `Reception.add`. */
  count(reception: Reception, bytes: number): void {
    const account = this.accounts.get(reception.caller);
    if (!account?.receptions.has(reception)) return;
    reception.bytes += bytes;
    account.bytes += bytes;
    this.bytes += bytes;
    while (this.bytes > this.maxBytes) this.makeRoom();
  }

  /** Of `Reception.done`. */
  remove(reception: Reception): void {
    const account = this.accounts.get(reception.caller);
    if (!account?.receptions.delete(reception)) return;
    account.bytes -= reception.bytes;
    this.bytes -= reception.bytes;
    if (account.receptions.size === 0) this.accounts.delete(reception.caller);
  }

  /** Ends what comes too slowly. */
  sweep(): void {
    const now = this.now();
    // A process that was stopped or busy for a while read nothing: that was not the senders' doing.
    const unread = Math.max(0, now - this.sweptAt - 2 * SWEEP_MS);
    this.sweptAt = now;
    for (const { receptions } of this.accounts.values()) {
      for (const reception of receptions) {
        if (rateOf(reception, now) >= RECEPTION_MIN_RATE) reception.briskAt = now;
        else reception.briskAt = Math.min(now, reception.briskAt + unread);
        reception.startedAt += unread;
        reception.mark = reception.nextMark;
        reception.nextMark = { bytes: reception.bytes, at: now };
        const lateness = reception.timed ? latenessOf(reception, now) : undefined;
        if (lateness) this.end(reception, { reason: lateness, message: LATE[lateness] });
      }
    }
  }

  close(): void {
    clearInterval(this.sweeper);
  }

  private makeRoom(): void {
    // Something holds these bytes.
    const account = greediest(this.accounts.values())!;
    const message = `too many bytes are being received: the limit for all callers is ${this.maxBytes} bytes, and your requests hold the most; send this request again`;
    this.end(firstToEnd(account.receptions, this.now())!, { reason: 'room', message });
  }

  private end(reception: Reception, end: ReceptionEnd): void {
    this.remove(reception);
    reception.onEnd(end);
  }
}

const LATE: Readonly<Record<Lateness, string>> = {
  slow: `the request arrives too slowly: less than ${RECEPTION_MIN_RATE} bytes arrived in each of the last ${RECEPTION_SLOW_MS / 1_000} s; send it faster`,
  late: `the request took too long to arrive: the limit is ${REQUEST_TIMEOUT_MS / 1_000} s; send it faster, or in parts`,
};
