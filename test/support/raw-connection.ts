/** A plain TCP connection to a server: what it answered, and whether it is still there. */
import { connect, type Socket } from 'node:net';

export interface RawConnection {
  readonly socket: Socket;
  /** Everything that came so far. */
  text(): string;
  /** The other side has ended the connection. */
  closed(): boolean;
}

const dialled = new Set<Socket>();

/** Ends every connection that `dial` made: for `afterEach`. */
export function hangUp(): void {
  for (const socket of dialled) socket.destroy();
  dialled.clear();
}

/** Connects, and sends `first`. */
export async function dial(url: string, first = ''): Promise<RawConnection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  dialled.add(socket);
  let text = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  for (const event of ['end', 'close']) socket.once(event, () => (closed = true));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.write(first);
  return { socket, text: () => text, closed: () => closed };
}
