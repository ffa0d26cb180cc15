/** A replica whose answers, refusals and deaths the test decides: a real one cannot be made to die between two given messages. */
import { decodeRequest, type EncodedMessage, type InferRequest, type InferResponse } from '../../runtimes/open-inference/message.js';
import type { Reply } from '../../runtimes/open-inference/connection.js';
import type { Link } from '../../server/gateway/replicas/lane.js';
import { ReplicaLostError, type Sent } from '../../server/gateway/replicas/transport.js';

export interface FakeMessage {
  readonly request: InferRequest;
  readonly reply: Reply;
}

export class FakeLink implements Link {
  readonly identity;
  usable = true;
  congested = false;
  /** What a probe finds. */
  alive = true;
  probes = 0;
  readonly sent: FakeMessage[] = [];
  readonly cancelled: FakeMessage[] = [];
  /** Most messages that were ever under way at a time. */
  busiest = 0;
  /** The first dimension of the first input of every message so far. */
  readonly rowsSent: (number | undefined)[] = [];

  constructor(replicaId = 'r') {
    this.identity = { replicaId, address: `unix:/${replicaId}`, versionDigest: 'd' };
  }

  send({ json, binary }: EncodedMessage, reply: Reply): Sent {
    const message = { request: decodeRequest(json, Buffer.concat(binary)), reply };
    this.sent.push(message);
    this.rowsSent.push(message.request.inputs[0]?.shape[0]);
    this.busiest = Math.max(this.busiest, this.sent.length);
    return {
      cancel: () => {
        if (!this.sent.includes(message)) throw new Error('a message that has ended was cancelled: a real link would count it twice');
        this.remove(message);
        this.cancelled.push(message);
      },
    };
  }

  probe(): Promise<boolean> {
    this.probes++;
    return Promise.resolve(this.alive);
  }

  get inFlight(): number {
    return this.sent.length;
  }

  /** Ends the message under way at a place. */
  end(at: number, outcome: InferResponse | Error): void {
    const message = this.sent[at];
    if (!message) return;
    this.remove(message);
    if (outcome instanceof Error) message.reply.failed(outcome);
    else message.reply.answered(outcome);
  }

  /** Dies with all it has. */
  crash(): void {
    const alone = this.inFlight === 1;
    this.usable = false;
    while (this.inFlight > 0) this.end(0, new ReplicaLostError(alone));
  }

  private remove(message: FakeMessage): void {
    this.sent.splice(this.sent.indexOf(message), 1);
  }
}
