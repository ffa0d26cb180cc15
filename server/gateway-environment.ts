/** What the server's gateway processes are told: when it differs at the next start, they are replaced. */
import { readFileSync } from 'node:fs';
import { telemetryEnvironment, type Config } from './config.js';
import { makeSocketFolder } from './engines/socket-folder.js';
import { compiled } from './paths.js';

/**
 * @param url of the database
 * @param connections that each gateway may have in its pool
 */
export function gatewayEnvironment(config: Config, url: string, connections: number): Record<string, string> {
  return {
    DATABASE_URL: url,
    PILOTHOUSE_WORKER_CONNECTIONS: String(connections),
    PILOTHOUSE_HOME: config.home,
    PILOTHOUSE_HOST: config.host,
    PILOTHOUSE_GATEWAY_AUTH: config.gatewayAuth,
    PILOTHOUSE_LOG_LEVEL: config.logLevel,
    ...(config.httpParser !== 'auto' && { PILOTHOUSE_HTTP_PARSER: config.httpParser }),
    ...(config.mlflowDeployment !== undefined && { PILOTHOUSE_MLFLOW_DEPLOYMENT: config.mlflowDeployment }),
    ...(config.corsOrigins.length > 0 && { PILOTHOUSE_CORS_ORIGINS: config.corsOrigins.join(',') }),
    ...(config.allowedHosts.length > 0 && { PILOTHOUSE_ALLOWED_HOSTS: config.allowedHosts.join(',') }),
    PILOTHOUSE_ACCESS_LOG_SAMPLE: String(config.accessLogSample),
    ...telemetryEnvironment(),
    ...(config.gateways > 1 && { PILOTHOUSE_WORKER_SOCKETS: makeSocketFolder(config.home) }),
  };
}

/** What tells one build of this program from another: a gateway of another build is replaced. */
export function buildId(): string {
  try {
    return readFileSync(compiled('.build-id'), 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
