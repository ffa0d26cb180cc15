/** Web pages of other origins at the control plane's door. */
import type { FastifyInstance } from 'fastify';
import { corsPolicy } from '../cors.js';

const METHODS = 'GET, HEAD, POST, PUT';

/** Answers browsers that ask before they send, before anything asks for a token, and tells them with every answer whose it is. */
export function answerOtherOrigins(fastify: FastifyInstance, origins: readonly string[]): void {
  const policy = corsPolicy(origins, METHODS);
  if (!policy) return;
  fastify.addHook('onRequest', async (request, reply) => {
    const preflight = policy.preflight(request.method, request.headers);
    const fields = preflight?.fields ?? policy.fields(request.headers);
    for (let i = 0; i < fields.length; i += 2) reply.header(fields[i]!, fields[i + 1]!);
    if (!preflight) return;
    const { status, refusal } = preflight;
    return reply.code(status).send(refusal === undefined ? undefined : { error: { code: 'FORBIDDEN', message: refusal } });
  });
}
