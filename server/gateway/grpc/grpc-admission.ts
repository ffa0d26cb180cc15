/** Who may make a gRPC call, decided on its headers: before a byte of its message is kept, and whatever connection it comes over. */
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Metadata, StatusObject } from '@grpc/grpc-js';
import type { ConnectionLimit } from '../connection-limit.js';
import { MAX_BODY_BYTES } from '../limits.js';
import { textOf, type GrpcOptions } from './grpc-call.js';
import { MAX_SMALL_REQUEST, needsToken } from './grpc-service.js';
import { statusOf } from './grpc-status.js';
import { requestIdOf } from '../request-id.js';

/** On a connection's socket: its limit's socket, which a session shows only through a proxy. */
const ACCEPTED = Symbol('accepted');

interface AcceptedSocket {
  [ACCEPTED]?: { readonly socket: Socket };
}

const INFERENCES = new Set(['/inference.GRPCInferenceService/ModelInfer', '/inference.GRPCInferenceService/ModelStreamInfer']);

/** Other messages hold names and a flag or two. The method itself says what is too large; this is for what is far beyond. */
export const maxMessage = (path: string): number => (INFERENCES.has(path) ? MAX_BODY_BYTES : 2 * MAX_SMALL_REQUEST);

export class GrpcAdmission {
  /** Sessions over which an admitted call came. */
  private readonly known = new WeakSet<ServerHttp2Session>();

  constructor(
    private readonly options: GrpcOptions,
    private readonly limit: ConnectionLimit,
  ) {}

  accepted(socket: Socket): void {
    (socket as AcceptedSocket)[ACCEPTED] = { socket };
    this.limit.add(socket);
  }

  /** @returns who calls, or why the call may not be made */
  readonly admit = (path: string, metadata: Metadata, { session }: ServerHttp2Stream): string | StatusObject => {
    if (!needsToken(path)) return '';
    let caller: string;
    try {
      caller = this.options.gate.check(textOf(metadata, 'authorization'));
    } catch (error) {
      return statusOf(error, requestIdOf(textOf(metadata, 'x-request-id')), this.options);
    }
    if (session && !this.known.has(session as ServerHttp2Session)) {
      this.known.add(session as ServerHttp2Session);
      const accepted = (session.socket as AcceptedSocket)[ACCEPTED];
      if (accepted) this.limit.admitted(accepted.socket);
    }
    return caller;
  };
}
