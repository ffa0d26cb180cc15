/** A port that is taken: noticed before anything is started, and explained. */
import { createServer } from 'node:net';
import type { Config } from '../config.js';
import { DomainError } from '../errors.js';
import { otherServers } from './server-records.js';

/** The ports that a server was told to use, by the variable that says so. */
export const configuredPorts = (config: Config): Record<string, number> => ({
  PILOTHOUSE_PORT: config.port,
  PILOTHOUSE_HTTP_PORT: config.httpPort,
  PILOTHOUSE_GRPC_PORT: config.grpcPort,
});

/** Of a server alone: a gateway's process reads the same variables, and has no control plane's port. @throws DomainError INVALID */
export function checkPortsDiffer(config: Config): void {
  const given = Object.entries(configuredPorts(config)).filter(([, port]) => port !== 0);
  for (const [i, [variable, port]] of given.entries()) {
    const same = given.slice(0, i).find(([, other]) => other === port);
    if (same)
      throw new DomainError('INVALID', `configuration: ${same[0]} and ${variable} are both ${port}; set one of them to another port, or to 0 for any free one`);
  }
}

/**
 * Looks whether the control plane's port is free, so that a second `npm start` says so at once and has touched nothing. (The
 * gateway's ports may rightly be taken: by the gateway that this start will adopt.)
 * @throws DomainError FAILED_PRECONDITION, INVALID
 */
export async function checkPorts(config: Config): Promise<void> {
  checkPortsDiffer(config);
  if (config.port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => reject(explainListenError(error, config)));
    probe.listen({ port: config.port, host: config.host, exclusive: true }, () => probe.close(() => resolve()));
  });
}

/** Turns an error of listening into one line that names the variable; every other error is returned as it is. */
export function explainListenError(error: unknown, config: Config): unknown {
  const { code, syscall, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (syscall !== 'listen' && syscall !== 'bind' && syscall !== 'getaddrinfo') return error;
  const [variable] = Object.entries(configuredPorts(config)).find(([, configured]) => configured === port) ?? [];
  const where = `port ${port}${variable ? ` (${variable})` : ''}`;
  if (code === 'EADDRINUSE') {
    const same = otherServers(config.home).find(
      ({ ports, endpoints }) => Object.values(ports).includes(port!) || Object.values(endpoints ?? {}).some((url) => url.endsWith(`:${port}`)),
    );
    const taken = same ? `is in use by the Pilothouse that already runs in ${config.home} (process ${same.identity.pid})` : `is taken by another program`;
    const advice = same
      ? `stop that one with "pilothouse stop", or set ${variable ?? 'another port'} to another port`
      : `stop that program, or set ${variable ?? 'another port'} to another port`;
    return new DomainError('FAILED_PRECONDITION', `${where} on ${config.host} ${taken}: ${advice}`, [], { cause: error });
  }
  if (code === 'EACCES') return new DomainError('FAILED_PRECONDITION', `${where} may not be opened by this user: choose one above 1023`, [], { cause: error });
  if (code === 'EADDRNOTAVAIL' || syscall === 'getaddrinfo') {
    return new DomainError(
      'FAILED_PRECONDITION',
      `PILOTHOUSE_HOST=${address ?? config.host} is not an address of this machine: use 127.0.0.1, 0.0.0.0 or one that it has`,
      [],
      { cause: error },
    );
  }
  return error;
}
