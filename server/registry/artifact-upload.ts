/**
 * Files in and out: `HEAD`, `PUT` and `GET /artifacts/<sha256>`. Never through GraphQL, which would hold them in memory. For a file that
 * is not there, HEAD answers 404 with `Upload-Offset`, the number of bytes that came before an upload of it broke off; PUT with the same
 * `Upload-Offset` sends the rest.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { DomainError } from '../errors.js';
import type { ArtifactService } from './artifact.service.js';
import { expectDigest } from './digest.js';
import { discard } from '../api/discard.js';

export interface ArtifactUploadOptions {
  readonly artifacts: ArtifactService;
  readonly log: Logger;
  /** An upload from which nothing came for this long is given up. */
  readonly idleTimeoutMs?: number;
}

const PATH = '/artifacts/:digest';
const METHODS = 'GET, HEAD, PUT';
const DEFAULT_IDLE_MS = 60_000;

interface Route {
  Params: { digest: string };
}

/** Routes for `ApiOptions.routes`: who calls is known before they run, and nothing of a body is read before that. */
export const artifactUpload =
  ({ artifacts, log, idleTimeoutMs = DEFAULT_IDLE_MS }: ArtifactUploadOptions): FastifyPluginAsync =>
  async (app) => {
    // Bodies of every type are taken as they come: the handler reads them.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _body, done) => done(null));
    app.setErrorHandler((error: FastifyError, request, reply) => {
      discard(request.raw);
      if (error instanceof DomainError && error.code === 'UNAVAILABLE') log.error({ err: error, requestId: request.id }, 'an artifact could not be stored');
      if (isFull(error)) return reply.code(507).send({ error: { code: (error as unknown as DomainError).code, message: error.message } });
      // Said as everywhere else, by the server's own handler.
      throw error;
    });

    app.head<Route>(PATH, async ({ params: { digest } }, reply) => {
      const artifact = await artifacts.find(digest);
      if (!artifact)
        return reply
          .code(404)
          .header('upload-offset', await artifacts.received(digest))
          .send();
      return reply.header('content-length', artifact.sizeBytes).type('application/octet-stream').send();
    });

    app.get<Route>(PATH, async ({ params: { digest } }, reply) => {
      const { content, sizeBytes } = await artifacts.read(digest);
      return reply
        .headers({ 'content-length': sizeBytes, etag: `"${digest}"`, 'cache-control': 'private, max-age=31536000, immutable' })
        .type('application/octet-stream')
        .send(content);
    });

    // `whileGrowing` limits how long it takes.
    app.put<Route>(PATH, { config: { ownPace: true } }, async (request, reply) => {
      const digest = expectDigest(request.params.digest, 'digest');
      checkLength(request, artifacts.maxBytes);
      const { artifact, created } = await whileGrowing(request.raw, idleTimeoutMs, () =>
        artifacts.receive(request.caller.actor, digest, request.raw, offsetOf(request)),
      );
      discard(request.raw, { maxBytes: artifacts.maxBytes, patient: true });
      return reply.code(created ? 201 : 200).send({ digest, sizeBytes: String(artifact.sizeBytes) });
    });

    app.route({
      method: ['POST', 'PATCH', 'DELETE'],
      url: PATH,
      handler: (request: FastifyRequest, reply: FastifyReply) => {
        void reply.header('allow', METHODS);
        throw new UploadRefused(405, `${request.method} is not supported here; artifacts take ${METHODS}`);
      },
    });
  };

/** A request that HTTP itself has a status for. */
class UploadRefused extends Error {
  constructor(
    readonly statusCode: number,
    message: string,
  ) {
    super(message);
  }
}

/** @throws DomainError INVALID */
function offsetOf({ headers }: Pick<FastifyRequest, 'headers'>): number {
  const text = String(headers['upload-offset'] ?? '0');
  if (!/^\d{1,15}$/.test(text)) throw new DomainError('INVALID', `Upload-Offset is "${text.slice(0, 40)}"; it must be a whole number of bytes`);
  return Number(text);
}

/** What can be refused by the headers alone. */
function checkLength({ headers }: Pick<FastifyRequest, 'headers'>, maxBytes: number): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new UploadRefused(
      415,
      `content-encoding ${encoding.slice(0, 80)} is not supported here; send the bytes uncompressed, because the digest is computed from them`,
    );
  }
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    throw new UploadRefused(411, 'send Content-Length, or Transfer-Encoding: chunked; an empty file has Content-Length: 0');
  }
  const announced = Number(headers['content-length'] ?? 0);
  if (announced > maxBytes) throw new DomainError('LIMIT_EXCEEDED', `the file has ${announced} bytes; an artifact may have ${maxBytes}`);
}

/**
 * Breaks the request off when nothing comes for a while, at most twice `idleMs`. Not by the socket's timeout, which would also fire while
 * this side takes its time with what has come.
 */
async function whileGrowing<R>(request: IncomingMessage, idleMs: number, work: () => Promise<R>): Promise<R> {
  let seen = -1;
  const timer = setInterval(() => {
    const { bytesRead } = request.socket;
    const waiting = !request.complete && request.readableLength === 0;
    if (waiting && bytesRead === seen) request.destroy(new Error(`no data arrived for ${idleMs} ms`));
    seen = waiting ? bytesRead : -1;
  }, idleMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** 507, not 503: trying again later does not help until the operator frees space. */
function isFull(error: unknown): boolean {
  const cause = error instanceof DomainError && error.code === 'UNAVAILABLE' ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
  return cause !== undefined && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(cause);
}
