/** How many connections to PostgreSQL each process may hold, so that those of all processes together fit. Pure. */
import { DomainError } from '../errors.js';

export interface ConnectionPlan {
  /** Connections in the pool of each server. */
  readonly serverPool: number;
  /** Connections in the pool of each gateway process. */
  readonly gatewayPool: number;
}

export interface ConnectionDemand {
  /** Connections that the database lets this user have. */
  readonly limit: number;
  /** What sets the limit, for the message: `max_connections`. */
  readonly limitedBy: string;
  readonly gateways: number;
  /** Servers of the home that run, this one included. */
  readonly servers: number;
}

/** The lead, LISTEN, and the check at the start. */
const SERVER_OWN = 3;
/** The reconciler, two validations and the API share the pool. */
const SERVER_POOL = { least: 6, most: 20 };
/** LISTEN. */
const GATEWAY_OWN = 1;
const GATEWAY_POOL = { least: 1, most: 3 };
/** A server may start while another one stops. */
const LEAST_SERVERS = 2;
/** For people and their tools. */
const SPARE = 5;

const MOST_GATEWAYS = 64;
/** What the PostgreSQL that comes along allows: enough for as many gateways as there may be, and for the connections that it keeps for its superuser. */
export const EMBEDDED_MAX_CONNECTIONS = SPARE + LEAST_SERVERS * (SERVER_OWN + SERVER_POOL.most) + MOST_GATEWAYS * (GATEWAY_OWN + GATEWAY_POOL.most) + 3;

/** @throws DomainError FAILED_PRECONDITION where not even the smallest pools fit, with what would be right */
export function planConnections({ limit, limitedBy, gateways, servers }: ConnectionDemand): ConnectionPlan {
  const together = Math.max(servers, LEAST_SERVERS);
  const perGateway = GATEWAY_OWN + GATEWAY_POOL.least;
  const least = SPARE + together * (SERVER_OWN + SERVER_POOL.least) + gateways * perGateway;
  const left = limit - least;
  if (left < 0) {
    const fits = gateways + Math.floor(left / perGateway);
    throw new DomainError(
      'FAILED_PRECONDITION',
      `the database allows ${limit} connections (${limitedBy}), and ${gateways} gateway ${gateways === 1 ? 'process' : 'processes'} (PILOTHOUSE_GATEWAYS) and ${together} servers need at least ${least}; ` +
        (fits > 0 ? `set PILOTHOUSE_GATEWAYS to at most ${fits}, or raise ${limitedBy} by ${-left}` : `raise ${limitedBy} by ${-left}`),
    );
  }
  const gatewayPool = Math.min(GATEWAY_POOL.most, GATEWAY_POOL.least + Math.floor(left / 2 / gateways));
  const rest = left - (gatewayPool - GATEWAY_POOL.least) * gateways;
  return { serverPool: Math.min(SERVER_POOL.most, SERVER_POOL.least + Math.floor(rest / together)), gatewayPool };
}
