import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface FreezablePostgres {
  readonly url: string;
  /** From here on nothing goes through, in either direction, and no connection ends: as where PostgreSQL's processes hang. */
  freeze(): void;
  /** What was held back goes on. */
  thaw(): void;
  /** Resolves with the next bytes that come from a client while it is frozen. */
  asked(): Promise<void>;
  close(): Promise<void>;
}

/** A way to a real database that can be held up. */
export async function startFreezablePostgres(databaseUrl: string): Promise<FreezablePostgres> {
  const target = new URL(databaseUrl);
  const folder = target.searchParams.get('host');
  const port = Number(target.searchParams.get('port') ?? (target.port || 5432));
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];
  let frozen = false;
  let tell: (() => void) | undefined;
  const through = (from: Socket, what: () => void, isQuestion = false): void => {
    if (!frozen) return what();
    held.push(what);
    if (isQuestion && !from.destroyed) tell?.();
  };
  const server = createServer((client) => {
    const postgres = folder ? connect(`${folder}/.s.PGSQL.${port}`) : connect(port, target.hostname);
    for (const [from, to] of [
      [client, postgres],
      [postgres, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes: Buffer) => through(from, () => to.write(bytes), from === client));
      from.on('close', () => through(from, () => to.destroy()));
      from.on('error', () => undefined);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.search = '';
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    freeze: () => void (frozen = true),
    thaw: () => {
      frozen = false;
      for (const what of held.splice(0)) what();
    },
    asked: () => new Promise((resolve) => (tell = resolve)),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
