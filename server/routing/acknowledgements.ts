/**
 * What gateways say of themselves, once a second: that they live, which version of the route table every new request is routed by, and
 * what is under way at each replica. Written by gateways, read by the reconciler; knows no TypeORM.
 */

/** A connection to PostgreSQL, whichever library made it. */
export interface Queries<T> {
  query(sql: string, parameters: unknown[]): Promise<T>;
}

export interface Acknowledgement {
  /** The version of the route table that every new request of this gateway is routed by. */
  readonly acknowledgedVersion: number;
  /** Requests under way by replica id, those routed by an older table included. */
  readonly inFlight: Readonly<Record<string, number>>;
}

/** One start of one gateway worker. */
export interface GatewayStart {
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  readonly startedAt: Date;
}

const WRITE = `
  INSERT INTO gateway (id, pid, host, started_at, heartbeat_at, acknowledged_version, in_flight) VALUES ($1, $2, $3, $4, now(), $5, $6)
  ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), acknowledged_version = excluded.acknowledged_version, in_flight = excluded.in_flight`;

export async function acknowledge(
  database: Queries<unknown>,
  { id, pid, host, startedAt }: GatewayStart,
  { acknowledgedVersion, inFlight }: Acknowledgement,
): Promise<void> {
  await database.query(WRITE, [id, pid, host, startedAt, acknowledgedVersion, JSON.stringify(inFlight)]);
}

interface Row {
  readonly version: string;
  readonly in_flight: Record<string, number>;
}

/** Of the gateways that were heard of in the last `aliveMs`. */
export async function acknowledgements(database: Queries<Row[]>, aliveMs: number): Promise<Acknowledgement[]> {
  const rows = await database.query(
    // One from the future was written before the clock was set back, by a gateway that has not been heard of since.
    'SELECT acknowledged_version AS version, in_flight FROM gateway WHERE heartbeat_at BETWEEN now() - make_interval(secs => $1) AND now() + make_interval(secs => $1)',
    [aliveMs / 1000],
  );
  return rows.map((row) => ({ acknowledgedVersion: Number(row.version), inFlight: row.in_flight }));
}

/** Removes the rows of gateways that ended. @returns the ids of those whose rows were there */
export async function removeGateways(database: Queries<{ id: string }[]>, ids: readonly string[]): Promise<string[]> {
  const rows = await database.query('WITH gone AS (DELETE FROM gateway WHERE id = ANY($1) RETURNING id) SELECT id FROM gone', [ids]);
  return rows.map(({ id }) => id);
}

/** Removes the rows of gateways that were not heard of since `before`. */
export async function removeSilentGateways(database: Queries<unknown>, before: Date): Promise<void> {
  await database.query('DELETE FROM gateway WHERE heartbeat_at < $1', [before]);
}
