/** Who calls. Every door asks here: HTTP, routes of features, the WebSocket. */
import type { FastifyRequest } from 'fastify';
import type { Caller, TokenService } from '../access/token.service.js';
import { DomainError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; set on every route that was registered through `routes`. */
    caller: Caller;
  }
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i;

export const bearerOf = (authorization: unknown): string | undefined => (typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined);

export const unauthenticated = (message = 'no bearer token came with the request; send "Authorization: Bearer <token>"'): DomainError =>
  new DomainError('UNAUTHENTICATED', message);

/** @throws DomainError UNAUTHENTICATED */
export async function authenticate(tokens: Pick<TokenService, 'verify'>, authorization: unknown): Promise<Caller> {
  const bearer = bearerOf(authorization);
  if (bearer === undefined) throw unauthenticated();
  const caller = await tokens.verify(bearer);
  if (!caller) throw unauthenticated('the bearer token is not valid: unknown, or revoked');
  return caller;
}

/** A Fastify `onRequest` hook: it runs before the body is read, so that nothing is read from a caller without a token. */
export const authenticateRequest =
  (tokens: Pick<TokenService, 'verify'>) =>
  async (request: FastifyRequest): Promise<void> => {
    request.caller = await authenticate(tokens, request.headers.authorization);
  };
