/** Lets requests with a valid bearer token pass. Tokens come as hashes with the route table, so that this needs no database. */
import { createHash } from 'node:crypto';
import { GatewayError } from './gateway-error.js';

/** Headers that passed lately: most requests bear one of a few tokens, and a hash each time would be felt. */
const REMEMBERED = 1_024;

export class TokenGate {
  private hashes: ReadonlySet<string> = new Set();
  /** By header, to the token's hash. */
  private readonly passed = new Map<string, string>();

  constructor(private readonly required: boolean) {}

  /** A revoked token is refused from here on. */
  replace(hashes: readonly string[]): void {
    this.hashes = new Set(hashes);
    this.passed.clear();
  }

  /**
   * @param authorization the header, or gRPC's metadata
   * @returns who calls: the token's hash, or `''` where no token is asked for
   * @throws GatewayError UNAUTHENTICATED
   */
  check(authorization: string | undefined): string {
    if (!this.required) return '';
    const known = authorization === undefined ? undefined : this.passed.get(authorization);
    if (known !== undefined) return known;
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw new GatewayError('UNAUTHENTICATED', 'this gateway requires a token; send the header "Authorization: Bearer <token>"');
    const hash = createHash('sha256').update(token).digest('hex');
    if (!this.hashes.has(hash)) throw new GatewayError('UNAUTHENTICATED', 'the bearer token is unknown or was revoked');
    if (this.passed.size >= REMEMBERED) this.passed.clear();
    this.passed.set(authorization!, hash);
    return hash;
  }
}
