import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface EndingPostgres {
  readonly url: string;
  /** How many connections were made. */
  readonly connections: number;
  close(): Promise<void>;
}

const message = (type: string, ...body: string[]): Buffer => {
  const bytes = Buffer.from(body.join(''), 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length + 4);
  return Buffer.concat([Buffer.from(type), length, bytes]);
};
const WELCOME = Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')]);
const END = message('E', 'SFATAL\0', 'VFATAL\0', 'C57P01\0', 'Mterminating connection due to administrator command\0', '\0');

/** Speaks as much of PostgreSQL's protocol as it takes to let a client in and, in the same packet, to end its connection. */
export async function startEndingPostgres(): Promise<EndingPostgres> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([WELCOME, END])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `postgres://nobody@127.0.0.1:${(server.address() as AddressInfo).port}/none`,
    get connections() {
      return connections;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
