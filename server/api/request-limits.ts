/** How long each step of a request may take at the control port. The same times as the gateway's HTTP front has (server/gateway/limits.ts). */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Connections } from './connections.js';
import { discard } from './discard.js';
import { refuseConnection } from './http-errors.js';

export interface Timeouts {
  /** From the opening of a connection, or the first byte of a request, to the end of its headers. */
  readonly headersMs: number;
  /** From a request's headers to the last byte of its body. */
  readonly bodyMs: number;
  /** From an answer to the next request. */
  readonly idleMs: number;
  /** From a refusal for want of a token to the end of the body that was announced. */
  readonly refusedMs: number;
}

export const TIMEOUTS: Timeouts = { headersMs: 10_000, bodyMs: 120_000, idleMs: 75_000, refusedMs: 2_000 };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route has a limit of its own on how long a body may take. */
    readonly ownPace?: boolean;
  }
}

export function limitRequests(fastify: FastifyInstance, connections: Connections, { bodyMs, refusedMs }: Timeouts): void {
  // After `onRequest`, where callers are authenticated, and before the body is read.
  fastify.addHook('preParsing', async (request) => {
    const { raw } = request;
    if (isKnown(request)) connections.recognise(raw.socket, request.caller.tokenId);
    if (raw.complete || request.routeOptions.config.ownPace) return;
    const late = setTimeout(() => {
      refuseConnection(Object.assign(new Error('the body took too long'), { code: 'BODY_TIMEOUT' }), raw.socket);
    }, bodyMs).unref();
    raw.once('end', () => clearTimeout(late)).once('close', () => clearTimeout(late));
  });
  fastify.addHook('onResponse', async (request) => {
    // Node would await the rest of the body for ever.
    discard(request.raw, isKnown(request) ? {} : { graceMs: refusedMs });
  });
}

/** Open routes, and those that refuse, have no caller. */
const isKnown = ({ caller }: FastifyRequest): boolean => (caller as FastifyRequest['caller'] | undefined) !== undefined;
