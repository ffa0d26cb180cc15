/**
 * Which web pages of other origins may call, as their browsers ask (https://fetch.spec.whatwg.org/#http-cors-protocol): one rule for the
 * control plane and the gateway. Credentials of the browser itself (cookies) are never allowed: callers send a bearer token.
 */

/** Headers of answers that a page may read beside those that it always may. */
const EXPOSED = 'Inference-Header-Content-Length, X-Pilothouse-Version, X-Request-Id, Retry-After, WWW-Authenticate';
/** How long a browser may remember what it was told. */
const MAX_AGE_SECONDS = 600;
const MAX_REQUESTED = 2_000;
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const ANY = '*';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Preflight {
  readonly status: 204 | 403;
  /** Names and values in turn. */
  readonly fields: readonly string[];
  /** What is wrong; undefined where the page may call. */
  readonly refusal?: string;
}

export class CorsPolicy {
  private readonly any: boolean;
  private readonly origins: ReadonlySet<string>;

  /**
   * @param origins as browsers write them; `*` for every one
   * @param methods that a page may use, separated by commas
   */
  constructor(
    origins: readonly string[],
    private readonly methods: string,
  ) {
    this.any = origins.includes(ANY);
    this.origins = new Set(origins);
  }

  /** What every answer carries: names and values in turn. */
  fields({ origin }: Headers): readonly string[] {
    // A cache must not give one origin's answer to another.
    const vary = this.any ? [] : ['Vary', 'Origin'];
    if (typeof origin !== 'string' || !this.allows(origin)) return vary;
    return ['Access-Control-Allow-Origin', this.any ? ANY : origin, 'Access-Control-Expose-Headers', EXPOSED, ...vary];
  }

  /** The answer to a browser that asks before it sends; undefined for any other request. */
  preflight(method: string, headers: Headers): Preflight | undefined {
    const { origin, 'access-control-request-method': wanted } = headers;
    if (method !== 'OPTIONS' || typeof origin !== 'string' || wanted === undefined) return undefined;
    const fields = this.fields(headers);
    if (!this.allows(origin)) {
      const refusal = `the origin ${JSON.stringify(origin.slice(0, 200))} may not call this server; PILOTHOUSE_CORS_ORIGINS lists those that may`;
      return { status: 403, fields, refusal };
    }
    const requested = requestedHeaders(headers['access-control-request-headers']);
    const allowed = ['Access-Control-Allow-Methods', this.methods, 'Access-Control-Max-Age', String(MAX_AGE_SECONDS)];
    return { status: 204, fields: [...fields, ...allowed, ...(requested === undefined ? [] : ['Access-Control-Allow-Headers', requested])] };
  }

  private allows(origin: string): boolean {
    return this.any || this.origins.has(origin);
  }
}

/** @returns undefined for a policy that allows no origin: then no answer has CORS headers */
export const corsPolicy = (origins: readonly string[], methods: string): CorsPolicy | undefined =>
  origins.length > 0 ? new CorsPolicy(origins, methods) : undefined;

/** Every header that the page asks for: what they may say is checked where they are read. `*` would leave out Authorization. */
function requestedHeaders(given: Headers[string]): string | undefined {
  if (typeof given !== 'string' || given.length > MAX_REQUESTED) return undefined;
  const names = given.split(',').map((name) => name.trim());
  return names.every((name) => HEADER_NAME.test(name)) ? names.join(', ') : undefined;
}
