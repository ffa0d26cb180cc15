/** Which server a command talks to, and with which token. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { currentContext, readContexts } from './contexts.js';
import { EXIT, CommandError, wrongUse } from './exit-codes.js';

export interface Connection {
  readonly url: string;
  /** Empty where no token is known for this server. */
  readonly token: string;
  /** Known for the server of this machine, and where it was given; else inferences go through the control plane. */
  readonly gatewayUrl?: string;
  /** Where the address comes from, for `whoami`. */
  readonly source: string;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly token?: string;
  readonly gatewayUrl?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Known = Omit<Connection, 'token'> & { readonly token?: string };

export const homeOf = (env: Environment): string => resolve(env['PILOTHOUSE_HOME'] || '.pilothouse');

/** The server that runs in the home on this machine. */
function ofHome(env: Environment): Known | undefined {
  const home = homeOf(env);
  const read = (...path: string[]): string | undefined => {
    try {
      return readFileSync(join(home, ...path), 'utf8').trim();
    } catch {
      return undefined;
    }
  };
  const text = read('run', 'endpoints.json');
  if (text === undefined) return undefined;
  const { control, http } = JSON.parse(text) as { control?: string; http?: string };
  if (control === undefined) return undefined;
  const token = read('admin-token');
  return { url: control, source: `home ${home}`, ...(http !== undefined && { gatewayUrl: http }), ...(token !== undefined && { token }) };
}

function checked(url: string, from: string): string {
  const plain = /^[a-z]+:\/\//i.test(url) ? url : `http://${url}`;
  if (!URL.canParse(plain) || !/^https?:$/.test(new URL(plain).protocol))
    throw wrongUse(`${from} "${url}" is not an address; give one such as http://127.0.0.1:4000`);
  return plain.replace(/\/+$/, '');
}

const sameServer = (a: string, b: string): boolean => new URL(a).origin === new URL(b).origin;

/**
 * Flags first, then the environment, the saved context, and the home of this machine. A token goes to the server that it was given or
 * saved with, and to no other: the home's token never leaves for another address.
 */
export function findServer(options: ConnectionOptions, env: Environment): Connection {
  const given = options.url === undefined ? undefined : checked(options.url, '--url');
  const variable = env['PILOTHOUSE_URL'] ? checked(env['PILOTHOUSE_URL'], 'PILOTHOUSE_URL') : undefined;
  const context = currentContext(readContexts(env));
  const candidates: Known[] = [
    ...(variable !== undefined ? [{ url: variable, source: 'PILOTHOUSE_URL' }] : []),
    ...(context !== undefined ? [{ ...context, source: `context ${context.name}` }] : []),
  ];
  const home = ofHome(env);
  if (home) candidates.push(home);
  const chosen: Known | undefined = given === undefined ? candidates[0] : { url: given, source: '--url' };
  if (!chosen)
    throw new CommandError(
      EXIT.unreachable,
      `no server is known: nothing runs in ${homeOf(env)}; start one with "pilothouse up", or name one with --url or "pilothouse login URL"`,
    );
  const same = candidates.filter(({ url }) => sameServer(url, chosen.url));
  const environmentToken = variable === undefined || sameServer(variable, chosen.url) ? env['PILOTHOUSE_TOKEN'] : undefined;
  const token = options.token ?? (environmentToken || undefined) ?? same.find((known) => known.token !== undefined)?.token ?? '';
  const gatewayUrl = options.gatewayUrl ?? env['PILOTHOUSE_GATEWAY_URL'] ?? same.find((known) => known.gatewayUrl !== undefined)?.gatewayUrl;
  return { url: chosen.url, token, source: chosen.source, ...(gatewayUrl !== undefined && { gatewayUrl: checked(gatewayUrl, '--gateway-url') }) };
}
