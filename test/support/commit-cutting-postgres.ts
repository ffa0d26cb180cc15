import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type CutAt =
  /** COMMIT does not reach PostgreSQL, and both sides see the connection end. */
  | 'BEFORE'
  /** PostgreSQL carries COMMIT out, and its answer is lost. */
  | 'AFTER'
  /** COMMIT does not reach PostgreSQL, whose side of the connection stays open: the transaction goes on. */
  | 'HELD';

export interface CommitCuttingPostgres {
  readonly url: string;
  /** Cuts the connection of the next COMMIT. With `away`, nobody is let in afterwards, until `back`. */
  cutNextCommit(at: CutAt, options?: { away?: boolean }): void;
  back(): void;
  close(): Promise<void>;
}

/** A way to a real database that loses connections in the midst of COMMIT. */
export async function startCommitCuttingPostgres(databaseUrl: string): Promise<CommitCuttingPostgres> {
  const target = new URL(databaseUrl);
  const folder = target.searchParams.get('host');
  const port = Number(target.searchParams.get('port') ?? (target.port || 5432));
  const sockets = new Set<Socket>();
  let cutAt: CutAt | undefined;
  let goesAway = false;
  let away = false;
  const server = createServer((client) => {
    if (away) return void client.destroy();
    const postgres = folder ? connect(`${folder}/.s.PGSQL.${port}`) : connect(port, target.hostname);
    for (const socket of [client, postgres]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    let lost: CutAt | undefined;
    client.on('data', (bytes: Buffer) => {
      if (!cutAt || !bytes.includes('COMMIT\0')) return void postgres.write(bytes);
      [lost, cutAt, away] = [cutAt, undefined, goesAway];
      if (away) for (const socket of sockets) if (socket !== client && socket !== postgres) socket.destroy();
      if (lost === 'AFTER') postgres.write(bytes);
      else client.destroy();
    });
    postgres.on('data', (bytes: Buffer) => {
      if (lost === 'AFTER') client.destroy();
      else client.write(bytes);
    });
    client.on('close', () => lost === 'HELD' || postgres.destroy());
    postgres.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.search = '';
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cutNextCommit: (at, options = {}) => {
      cutAt = at;
      goesAway = options.away ?? false;
    },
    back: () => (away = false),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
