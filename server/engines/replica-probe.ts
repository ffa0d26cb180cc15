/** Talks to one replica over one connection: who it is, how far it is, and whether it answers its sample. */
import { lstatSync } from 'node:fs';
import { MAX_FRAME_BYTES, type HostSpec } from '../../runtimes/host/host-spec.js';
import { ReplicaConnection, ReplicaError } from '../../runtimes/open-inference/connection.js';
import type { ReplicaHello } from '../../runtimes/open-inference/frame.js';
import { inputsFromSignature } from '../../runtimes/made-up-requests.js';
import { tensorFromSample } from '../../runtimes/sample.js';
import { codeOf, FailedLookError, look } from './look.js';

const CONNECT_TIMEOUT_MS = 2_000;
/** This process could not even try to connect: that says nothing of the replica. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EACCES', 'EPERM', 'EIO']);

export type ProbeAnswer =
  /** Nothing listens at its socket. */
  | { readonly kind: 'ABSENT' }
  /** Somebody else does. */
  | { readonly kind: 'STRANGER'; readonly reason: string }
  /** `hello.state` READY means that the sample was answered too. */
  | { readonly kind: 'ANSWERED'; readonly hello: ReplicaHello };

export class ReplicaProbe {
  /** Whether a real inference went through the replica's socket, since it was last in doubt. */
  sampleAnswered = false;
  private connection: ReplicaConnection | undefined;
  /** Whether the process at the other end has said that it is the replica. */
  private introduced = false;
  private closed = false;

  /**
   * @param onLost called at once when the connection breaks: the kernel tells sooner than any look that a process died.
   * @param answerMs how long the replica may take to say who it is.
   */
  constructor(
    private readonly spec: HostSpec,
    private readonly answerMs: number,
    private readonly onLost: () => void,
  ) {}

  get connected(): boolean {
    return this.connection !== undefined;
  }

  /** @throws ReplicaError for a connection that breaks, a replica that does not answer in time, a sample that fails; FailedLookError */
  async ask(pid: number): Promise<ProbeAnswer> {
    const connection = await this.connect();
    if (!connection) return { kind: 'ABSENT' };
    const hello = await connection.hello(this.answerMs);
    const { replicaId, versionDigest } = this.spec;
    if (hello.replicaId !== replicaId || hello.versionDigest !== versionDigest || hello.pid !== pid) {
      connection.close();
      return { kind: 'STRANGER', reason: `another process answers at its socket: replica ${hello.replicaId} of ${hello.versionDigest}, pid ${hello.pid}` };
    }
    this.introduced = true;
    if (hello.state === 'READY' && !this.sampleAnswered) await this.inferSample(connection, hello);
    return { kind: 'ANSWERED', hello };
  }

  /** Asks the replica to drain; false when it cannot be asked. One that refuses the epoch has heard of a higher one, and drains already. */
  async drain(epoch: number, timeoutMs: number): Promise<boolean> {
    // Somebody else may have taken its socket: only who has said that it is the replica is told anything.
    if (!this.connection?.open || !this.introduced) return false;
    try {
      await this.connection.drain(epoch, timeoutMs);
      return true;
    } catch (error) {
      return error instanceof ReplicaError && error.code === 'INVALID';
    }
  }

  close(): void {
    this.closed = true;
    this.connection?.close();
  }

  private async connect(): Promise<ReplicaConnection | undefined> {
    if (this.connection?.open) return this.connection;
    const { socketPath } = this.spec;
    if (!look(socketPath, () => lstatSync(socketPath))) return undefined;
    const connection = await ReplicaConnection.connect(`unix:${socketPath}`, { timeoutMs: CONNECT_TIMEOUT_MS, maxFrameBytes: MAX_FRAME_BYTES }).catch(
      (error: Error) => {
        if (OWN_FAULTS.has(codeOf(error.cause) ?? '')) throw new FailedLookError(socketPath, error.cause);
        throw error;
      },
    );
    if (this.closed) {
      connection.close();
      return undefined;
    }
    this.connection = connection;
    this.introduced = false;
    void connection.closed.then(() => {
      this.connection = undefined;
      this.onLost();
    });
    return connection;
  }

  private async inferSample(connection: ReplicaConnection, hello: ReplicaHello): Promise<void> {
    const { sample, replicaId } = this.spec;
    const inputs = sample === null ? inputsFromSignature(hello.signature ?? { inputs: [], outputs: [] }) : sample.map((tensor) => tensorFromSample(tensor));
    await connection.infer({ id: `ready-${replicaId}`, inputs });
    this.sampleAnswered = true;
  }
}
