/**
 * The way to one replica: connects, checks that it is the right one, sends, and comes back after the connection broke. Nothing is
 * ever sent to a replica whose handshake names another id or digest than the route: a gateway that was paused may have an old route.
 */
import type { EncodedMessage } from '../../../runtimes/open-inference/message.js';
import { ReplicaConnection, ReplicaError, type Reply } from '../../../runtimes/open-inference/connection.js';
import { TensorError } from '../../../runtimes/tensor.js';
import { GatewayError } from '../gateway-error.js';
import { CONNECT_TIMEOUT_MS, MAX_FRAME_BYTES, RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../limits.js';

/** Thrown when the model never saw the request: it may be sent elsewhere. */
export class NotExecutedError extends Error {
  override readonly name = 'NotExecutedError';
}

/** Thrown when the replica died while it had the request. */
export class ReplicaLostError extends Error {
  override readonly name = 'ReplicaLostError';

  /**
   * @param alone nothing but this message can have killed it
   * @param reason what the replica itself said
   */
  constructor(
    readonly alone: boolean,
    readonly reason?: string,
    options?: ErrorOptions,
  ) {
    super(`the replica died while it worked on this request${reason === undefined ? '' : `: ${reason}`}`, options);
  }
}

/** Who must answer at an address. */
export interface ReplicaIdentity {
  readonly replicaId: string;
  readonly address: string;
  readonly versionDigest: string;
}

export interface LinkOptions {
  /** Whether other gateways send to the replica too. Then it is not known what else is under way there. */
  readonly shared: boolean;
  /** It may be sent to, again or for the first time. */
  readonly onUsable: () => void;
  /** A retired link has nothing under way any more and is closed. */
  readonly onClosed: () => void;
  /** Why it cannot be reached: told once for each reason. */
  readonly onTrouble: (reason: string) => void;
}

/** A message that is under way. */
export interface Sent {
  /** Drops it at the replica where it still waits there; its reply is not called any more. */
  cancel(): void;
}

interface Session {
  readonly connection: ReplicaConnection;
  /** Messages given up since the replica last answered: what kills it may be one of them. */
  abandoned: number;
  /** Messages under way at the moment it broke. */
  casualties: number | undefined;
  /** The replica has said which message broke its runtime: it was none of the others. */
  culpritKnown: boolean;
}

export class ReplicaLink {
  /** Messages under way. */
  inFlight = 0;
  /** Settles after the first attempt to connect, however it ended. */
  readonly attempted: Promise<void>;
  private session: Session | undefined;
  private retired = false;
  private delayMs = RECONNECT_MIN_MS;
  private retry: NodeJS.Timeout | undefined;
  private trouble: string | undefined;

  constructor(
    readonly identity: ReplicaIdentity,
    private readonly options: LinkOptions,
  ) {
    this.attempted = this.connect();
  }

  get usable(): boolean {
    return this.session !== undefined;
  }

  /** The replica does not read what it is sent. */
  get congested(): boolean {
    return this.session?.connection.congested ?? false;
  }

  /**
   * Sends a message. Its reply is told NotExecutedError, ReplicaLostError, or GatewayError INVALID or RUNTIME_FAILED where there is no
   * answer, and nothing before this returns.
   */
  send(message: EncodedMessage, reply: Reply): Sent {
    const { session } = this;
    if (!session) {
      let cancelled = false;
      queueMicrotask(() => cancelled || reply.failed(new NotExecutedError('the replica is not connected')));
      return { cancel: () => (cancelled = true) };
    }
    this.inFlight++;
    const id = session.connection.start(message, {
      answered: (response) => {
        session.abandoned = 0;
        this.release();
        reply.answered(response);
      },
      failed: (error) => {
        const failure = this.classify(session, error);
        this.release();
        reply.failed(failure);
      },
    });
    return {
      cancel: () => {
        session.connection.cancel(id);
        session.abandoned++;
        this.release();
      },
    };
  }

  /** Whether the replica answers and takes requests. */
  async probe(): Promise<boolean> {
    const { session } = this;
    if (!session) return false;
    return session.connection.hello(CONNECT_TIMEOUT_MS).then(
      ({ state }) => state === 'READY',
      () => false,
    );
  }

  /** The route no longer names it: what is under way is finished, nothing new is sent. */
  retire(): void {
    this.retired = true;
    clearTimeout(this.retry);
    if (this.inFlight === 0) this.close();
  }

  private release(): void {
    this.inFlight--;
    if (this.retired && this.inFlight === 0) this.close();
  }

  private close(): void {
    const { session } = this;
    this.session = undefined;
    session?.connection.close();
    this.options.onClosed();
  }

  private classify(session: Session, error: unknown): Error {
    // A message that is none of the protocol's, though it came in a frame: this runtime is at fault.
    if (error instanceof TensorError) return new GatewayError('RUNTIME_FAILED', `the replica's answer is malformed: ${error.message}`);
    if (!(error instanceof ReplicaError)) return error as Error;
    switch (error.code) {
      case 'INVALID':
        return new GatewayError('INVALID', error.message, undefined, { part: { field: 'inputs' } });
      case 'RUNTIME_FAILED':
        session.abandoned = 0;
        return new GatewayError('RUNTIME_FAILED', `the model's runtime failed: ${error.message}`);
      case 'FATAL':
        session.culpritKnown = true;
        this.lose(session, error.message);
        return new ReplicaLostError(true, error.message, { cause: error });
      default:
        this.lose(session, error.message);
        if (!error.executed) return new NotExecutedError(error.message);
        // All that were under way fail in the same turn, and the first one counts them.
        session.casualties ??= this.inFlight + session.abandoned;
        return new ReplicaLostError(session.casualties === 1 && !session.culpritKnown && !this.options.shared, undefined, { cause: error });
    }
  }

  private async connect(): Promise<void> {
    const { address } = this.identity;
    let connection: ReplicaConnection | undefined;
    try {
      connection = await ReplicaConnection.connect(address, { timeoutMs: CONNECT_TIMEOUT_MS, maxFrameBytes: MAX_FRAME_BYTES });
      const refusal = await this.refusalOf(connection);
      if (refusal !== undefined) throw new Error(refusal);
    } catch (error) {
      connection?.close();
      this.again((error as Error).message);
      return;
    }
    if (this.retired) return connection.close();
    const session: Session = { connection, abandoned: 0, casualties: undefined, culpritKnown: false };
    this.session = session;
    this.delayMs = RECONNECT_MIN_MS;
    this.trouble = undefined;
    connection.onDrain(() => this.options.onUsable());
    void connection.closed.then(() => this.lose(session, 'the replica closed the connection'));
    this.options.onUsable();
  }

  private async refusalOf(connection: ReplicaConnection): Promise<string | undefined> {
    const { replicaId, versionDigest, address } = this.identity;
    const hello = await connection.hello(CONNECT_TIMEOUT_MS);
    if (hello.replicaId !== replicaId) return `replica ${hello.replicaId} answers at ${address}`;
    if (hello.versionDigest !== versionDigest) return `it has loaded the version with digest ${hello.versionDigest}, not ${versionDigest}`;
    return hello.state === 'READY' ? undefined : `it is ${hello.state}${hello.reason ? `: ${hello.reason}` : ''}`;
  }

  /** Takes a broken or draining connection out of use, and tries to come back. What is under way on it is still answered. */
  private lose(session: Session, reason: string): void {
    if (this.session !== session) return;
    this.session = undefined;
    // While it drains it still answers what it has; the replica itself ends the connection.
    if (session.connection.inFlight === 0) session.connection.close();
    this.again(reason);
  }

  private again(reason: string): void {
    if (this.retired) return;
    if (reason !== this.trouble) this.options.onTrouble(reason);
    this.trouble = reason;
    this.retry = setTimeout(() => void this.connect(), this.delayMs);
    this.delayMs = Math.min(this.delayMs * 2, RECONNECT_MAX_MS);
  }
}
