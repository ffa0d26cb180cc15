/** The gateway's gRPC door: sockets, limits, and leaving without cutting anyone off. What a call means is the other files' business. */
import { createServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ConnectionLimit } from '../connection-limit.js';
import { DRAIN_LIMIT_MS, KEEP_ALIVE_TIMEOUT_MS, MAX_BODY_BYTES } from '../limits.js';
import type { Receptions } from '../receptions.js';
import type { GrpcOptions } from './grpc-call.js';
import { countUnknownMethods, errorCount } from './grpc-error-count.js';
import { HealthService } from './grpc-health.js';
import { InferStreams } from './grpc-infer-stream.js';
import { modelInfer } from './grpc-infer.js';
import { modelCalls } from './grpc-models.js';
import { GrpcAdmission, maxMessage } from './grpc-admission.js';
import { reception } from './grpc-reception.js';
import { Reflection } from './grpc-reflection.js';
import { loadProto, serviceOf, withRawRequests } from './grpc-service.js';
import type { ListenAt } from '../http/http-server.js';

/** Calls under way on one connection; a client queues what is beyond. */
const MAX_STREAMS = 1_000;
/** How long a peer may take to answer a ping. */
const PING_TIMEOUT_MS = 20_000;

export class GrpcFront {
  /** Its own, and not grpc-js's: that cannot take over a socket that listens already. */
  private readonly acceptor: NetServer;
  private readonly server: Server;
  private readonly injector: ReturnType<Server['createConnectionInjector']>;
  private readonly health: HealthService;
  private readonly streams: InferStreams;
  private readonly reflection: Reflection;

  constructor(options: GrpcOptions & { readonly receptions: Receptions }, limit = new ConnectionLimit()) {
    const { receptions } = options;
    const admission = new GrpcAdmission(options, limit);
    this.server = new Server({
      'grpc.max_receive_message_length': MAX_BODY_BYTES,
      // Answers are limited where replicas give them (MAX_FRAME_BYTES). grpc-js would say RESOURCE_EXHAUSTED, as a full queue does, and clients try again.
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': MAX_STREAMS,
      // Finds peers that are gone without a word, or never spoke.
      'grpc.keepalive_time_ms': KEEP_ALIVE_TIMEOUT_MS,
      'grpc.keepalive_timeout_ms': PING_TIMEOUT_MS,
      'grpc.enable_channelz': 0,
      interceptors: [errorCount(options.onError), reception({ receptions, maxMessage, admit: admission.admit })],
    });
    countUnknownMethods(this.server, options.onError);
    const [inferenceFile, healthFile] = [loadProto('open-inference.proto'), loadProto('health.proto')];
    const inference = serviceOf(inferenceFile, 'inference.GRPCInferenceService');
    const health = serviceOf(healthFile, 'grpc.health.v1.Health');
    this.streams = new InferStreams(options);
    this.health = new HealthService(options, health);
    this.server.addService(withRawRequests(inference, ['ModelInfer', 'ModelStreamInfer']), {
      ...modelCalls(options, inference),
      ModelInfer: modelInfer(options),
      ModelStreamInfer: this.streams.handler,
    });
    this.server.addService(withRawRequests(health), this.health.handlers);
    this.reflection = new Reflection(options, [inferenceFile, healthFile]);
    for (const { service, handlers } of this.reflection.services) this.server.addService(withRawRequests(service), handlers);
    this.injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.acceptor = createServer({ noDelay: true }, (socket) => {
      admission.accepted(socket);
      this.injector.injectConnection(socket);
    });
  }

  /** @throws Error when the address is taken, or the descriptor is no listening socket */
  async listen(where: ListenAt): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.acceptor.once('error', reject);
      this.acceptor.listen({ backlog: 4_096, ...where }, () => {
        this.acceptor.removeListener('error', reject);
        resolve();
      });
    });
    return this.acceptor.address() as AddressInfo;
  }

  /**
   * Leaves without cutting anyone off: accepts nothing new, tells every client to go elsewhere with its next call (GOAWAY), and
   * answers what came. Resolves when the last connection is closed; what is not answered by the limit is cut off.
   */
  async drain(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.acceptor.close(() => resolve()));
    this.health.drain();
    this.streams.drain();
    this.reflection.drain();
    this.injector.drain(DRAIN_LIMIT_MS);
    await closed;
  }
}
