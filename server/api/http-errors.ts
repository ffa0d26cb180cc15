/** How the control plane's HTTP server says what went wrong, also with what no route ever gets to see. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { DomainError } from '../errors.js';
import { discard } from './discard.js';
import { statusOf, toClientError } from './format-error.js';

export interface KnownError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const malformed = (message: string, status = 400): KnownError => ({ status, code: 'BAD_REQUEST', message });
const tooLarge = (message: string, status = 413): KnownError => ({ status, code: 'LIMIT_EXCEEDED', message });

/** Errors of Fastify's own about what was sent. */
export function knownError(error: FastifyError): KnownError | undefined {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return tooLarge('the body is larger than the limit');
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return malformed('the Content-Type is not supported here', 415);
  if (error.code === 'ERR_INVALID_URL') return malformed('the Host header is malformed');
  if (error.code === 'FST_ERR_BAD_URL')
    return malformed('the path is malformed; every "%" must begin an escape such as %20, and the decoded path must be UTF-8');
  if (error.code === 'FST_ERR_MAX_PARAM_LENGTH') return malformed('a part of the path is too long', 414);
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500 ? malformed(error.message, status) : undefined;
}

/**
 * Fastify would close the connection of a body that is too large: a client that sends all of it before it reads would lose the answer
 * to a broken pipe. Call it before answering.
 */
export function hearOut(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  if (error.code !== 'FST_ERR_CTP_BODY_TOO_LARGE') return;
  void reply.removeHeader('connection');
  discard(request.raw);
}

/** Routes beside GraphQL answer `{"error": {code, message, field?, id?}}`. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  hearOut(error as FastifyError, request, reply);
  const known = error instanceof DomainError ? undefined : knownError(error as FastifyError);
  if (known) return reply.code(known.status).send({ error: { code: known.code, message: known.message } });
  const client = toClientError(error, log, request.id);
  if (client.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
  return reply.code(statusOf(client.code)).send({ error: client });
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  void reply.code(404).send({ error: { code: 'NOT_FOUND', message: `there is no ${request.method} ${request.url.split('?')[0]!.slice(0, 200)} here` } });
}

/** What Node's parser and its clocks say of a connection, in its own codes. */
function ofConnection({ code, reason }: ParserError): KnownError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return tooLarge('the headers are larger than the limit', 431);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return tooLarge('the chunk extensions are larger than the limit');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return malformed('the headers did not arrive in time', 408);
    case 'BODY_TIMEOUT':
      return malformed('the body did not arrive in time', 408);
    case 'HPE_INVALID_EOF_STATE':
      return malformed('the connection ended before the request was complete');
    default:
      return malformed(`this is not a valid HTTP/1.1 request${reason ? `: ${reason}` : ''}`);
  }
}

type ParserError = Error & { readonly code?: string; readonly reason?: string };

/**
 * Answers what Node could not read as a request, and closes the connection: where the next request begins is not known. For
 * Fastify's `clientErrorHandler`.
 */
export function refuseConnection(error: ParserError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  // An answer that has begun would get this one into its middle.
  const begun = (socket as { _httpMessage?: { headersSent?: boolean } })._httpMessage?.headersSent ?? false;
  if (socket.writable && !begun) {
    const { status, code, message } = ofConnection(error);
    const body = JSON.stringify({ error: { code, message } });
    const headers = [
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'X-Content-Type-Options: nosniff',
      'Cache-Control: no-store',
      'Connection: close',
    ];
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}
