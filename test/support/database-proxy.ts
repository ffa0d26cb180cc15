/** A way to the database that tests can cut. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to the database that can be cut and mended. Its port stays its own meanwhile: one that is given back may be somebody else's then. */
export async function databaseProxy(databaseUrl: string): Promise<{ url: string; cut(): void; mend(): void; close(): void }> {
  const target = new URL(databaseUrl);
  // The test run's own PostgreSQL listens on a Unix socket, and the URL names its folder.
  const folder = target.searchParams.get('host');
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((inner) => {
    inner.on('error', () => undefined);
    if (!whole) return inner.destroy();
    const outer = folder ? connect(`${folder}/.s.PGSQL.${target.port}`) : connect(Number(target.port), target.hostname);
    outer.on('error', () => undefined);
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.pipe(outer).pipe(inner);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  url.searchParams.delete('host');
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut,
    mend: () => void (whole = true),
    close: () => {
      cut();
      server.close();
    },
  };
}
