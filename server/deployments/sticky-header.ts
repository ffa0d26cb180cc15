/** Which header may keep a caller on one version. Pure. */
import { DomainError } from '../errors.js';

const MAX_LENGTH = 64;
/** A field name: RFC 9110, section 5.1. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Secrets, which routing must not depend on; what belongs to one connection (RFC 9110, section 7.6.1); what describes one message. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ...because('holds credentials', 'authorization', 'proxy-authorization', 'cookie', 'set-cookie'),
  ...because('belongs to the connection', 'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'host', 'expect'),
  ...because(
    'describes the message, not its sender',
    ...['content-length', 'content-type', 'content-encoding', 'accept', 'accept-encoding', 'inference-header-content-length', 'traceparent', 'tracestate'],
  ),
]);

/**
 * A sticky header's name as gateways compare it: in lower case.
 * @throws DomainError INVALID for what is no header's name, or no caller's key
 */
export function checkedStickyHeader(name: string | null): string | null {
  if (name === null) return null;
  const lower = name.toLowerCase();
  if (lower.length > MAX_LENGTH || !TOKEN.test(lower))
    throw refusal(`stickyHeader is "${name.slice(0, MAX_LENGTH)}"; it must be the name of a header, at most ${MAX_LENGTH} letters, digits and dashes`);
  const why = REFUSED.get(lower);
  if (why !== undefined) throw refusal(`stickyHeader is "${lower}", which ${why}; name a header of your own, such as x-user-id`);
  // Metadata of gRPC: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
  if (lower.startsWith('grpc-') || lower.endsWith('-bin'))
    throw refusal(`stickyHeader is "${lower}"; gRPC keeps names that begin with grpc- for itself, and sends those that end with -bin as bytes`);
  return lower;
}

const refusal = (message: string): DomainError => new DomainError('INVALID', message, ['stickyHeader']);

function because(why: string, ...names: readonly string[]): (readonly [string, string])[] {
  return names.map((name) => [name, why]);
}
