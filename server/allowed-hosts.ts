/**
 * Which web pages may use an address that asks for no token. Such an address is bound to loopback, which only this machine reaches; but a
 * browser on this machine sends there what any page tells it to. A page's own request names the page in `Origin`. A page whose host
 * name was made to point to 127.0.0.1 (DNS rebinding) counts as the same origin, and shows its name in `Host`.
 */
import { isIPv4 } from 'node:net';
import { isLoopback } from './config.js';

export interface AllowedHostsOptions {
  /** The address that is bound to. Beyond loopback a token is always asked for, and nothing is checked here. */
  readonly bound: string;
  /** Further names by which this machine is called. */
  readonly names: readonly string[];
  /** Origins that may call from elsewhere, as browsers write them; `*` for every one. */
  readonly origins: readonly string[];
}

/** Headers repeat: they are read once. */
const REMEMBERED = 1_024;

export class AllowedHosts {
  private readonly names: ReadonlySet<string>;
  private readonly origins: ReadonlySet<string>;
  private readonly active: boolean;
  private readonly passed = new Set<string | undefined>();

  constructor({ bound, names, origins }: AllowedHostsOptions) {
    this.active = isLoopback(bound);
    this.names = new Set([bound, ...names].map((name) => name.toLowerCase()));
    this.origins = new Set(origins);
  }

  /**
   * Why a request without a token is refused; undefined where it may pass.
   * @param host the header, without which only old clients come, and no browser
   */
  refusal(host: string | undefined, origin: string | undefined): string | undefined {
    if (!this.active) return undefined;
    // Only browsers send an origin; a header has no line break.
    const both = origin === undefined ? host : `${host}\n${origin}`;
    if (this.passed.has(both)) return undefined;
    if (host !== undefined && !this.isOurs(host)) {
      return `the header Host is ${shown(host)}; without a token only localhost, 127.0.0.1, [::1] and the names in PILOTHOUSE_ALLOWED_HOSTS are answered`;
    }
    if (origin !== undefined && !this.mayCall(origin)) {
      return `the header Origin is ${shown(origin)}; without a token only pages of this machine and of the origins in PILOTHOUSE_CORS_ORIGINS may call`;
    }
    if (this.passed.size >= REMEMBERED) this.passed.clear();
    this.passed.add(both);
    return undefined;
  }

  private mayCall(origin: string): boolean {
    if (this.origins.has('*') || this.origins.has(origin)) return true;
    const authority = /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
    return authority !== undefined && this.isOurs(authority);
  }

  /** @param authority a name or an address, with a port or without */
  private isOurs(authority: string): boolean {
    const name = /^(\[[^\]]*\]|[^:]*)(:\d*)?$/.exec(authority.toLowerCase())?.[1]?.replace(/^\[(.*)\]$/, '$1');
    if (name === undefined || name === '') return false;
    // `isLoopback` alone takes 127.999.0.1, which a name server may know as a name.
    if (/^[\d.]+$/.test(name) && !isIPv4(name)) return false;
    return isLoopback(name) || this.names.has(name);
  }
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
