/** The standard health service (grpc.health.v1): whether new requests may come. Open to everyone, as health is over REST. */
import { status, type MethodDefinition, type ServerWritableStream, type ServiceDefinition, type UntypedHandleCall } from '@grpc/grpc-js';
import { requestIdIn, type GrpcOptions } from './grpc-call.js';
import { readRequest, unary } from './grpc-service.js';
import { StatusError, statusOf } from './grpc-status.js';

type Watcher = ServerWritableStream<Buffer, object>;
interface HealthRequest {
  readonly service: string;
}

/** Readiness has no event of its own: while someone watches it is looked at this often. */
const LOOK_MS = 250;
/** Beyond this many, watching costs more than asking. */
const MAX_WATCHERS = 1_000;
const SERVICES = ['', 'inference.GRPCInferenceService', 'grpc.health.v1.Health'];

export class HealthService {
  readonly handlers: Record<string, UntypedHandleCall>;
  /** With the status each was told last. */
  private readonly watchers = new Map<Watcher, string>();
  private timer: NodeJS.Timeout | undefined;
  private draining = false;

  constructor(
    private readonly options: GrpcOptions,
    service: ServiceDefinition,
  ) {
    const method = (name: string) => service[name] as MethodDefinition<unknown, unknown>;
    this.handlers = {
      Check: unary<HealthRequest>(options, method('Check'), (request) => this.check(request)),
      Watch: (rpc: Watcher) => this.watch(rpc, method('Watch')),
    };
  }

  /** Tells everyone who watches, and ends their calls, which would keep their connections. */
  drain(): void {
    this.draining = true;
    clearInterval(this.timer);
    this.tell();
    for (const rpc of this.watchers.keys()) rpc.end();
  }

  private get status(): string {
    return !this.draining && this.options.dataPlane.ready() ? 'SERVING' : 'NOT_SERVING';
  }

  private check({ service }: HealthRequest): object {
    if (!SERVICES.includes(service)) throw new StatusError(status.NOT_FOUND, 'unknown service; ask for "" or "inference.GRPCInferenceService"');
    return { status: this.status };
  }

  private watch(rpc: Watcher, method: MethodDefinition<unknown, unknown>): void {
    try {
      const { service } = readRequest<HealthRequest>(method, rpc.request);
      if (this.watchers.size >= MAX_WATCHERS)
        throw new StatusError(status.RESOURCE_EXHAUSTED, `${MAX_WATCHERS} callers are watching, which is the limit; use Check`);
      const known = SERVICES.includes(service);
      // What is unknown stays so, and the protocol wants the call open all the same.
      const first = known ? this.status : 'SERVICE_UNKNOWN';
      rpc.write({ status: first });
      if (this.draining) return void rpc.end();
      this.watchers.set(rpc, first);
      rpc.once('cancelled', () => this.forget(rpc));
      rpc.once('close', () => this.forget(rpc));
      this.timer ??= setInterval(() => this.tell(), LOOK_MS);
    } catch (error) {
      rpc.emit('error', statusOf(error, requestIdIn(rpc), this.options));
    }
  }

  private tell(): void {
    const now = this.status;
    for (const [rpc, last] of this.watchers) {
      if (last === now || last === 'SERVICE_UNKNOWN') continue;
      this.watchers.set(rpc, now);
      rpc.write({ status: now });
    }
  }

  private forget(rpc: Watcher): void {
    this.watchers.delete(rpc);
    if (this.watchers.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
