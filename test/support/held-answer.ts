/** A door before a server that holds one answer back: the request has arrived and was carried out, and its caller never hears of it. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Door {
  readonly url: string;
  /**
   * For the next request that contains a text: runs `meanwhile` once its answer begins to come, and then cuts the caller off.
   * Resolves after that.
   */
  holdAnswerTo(text: string, meanwhile: () => Promise<unknown>): Promise<void>;
  /** The same once so many bytes went by behind the text: the rest of the request never arrives. */
  cutRequest(text: string, bytes: number, meanwhile: () => Promise<unknown>): Promise<void>;
  /** The first lines of requests that uploaded something. */
  readonly uploads: readonly string[];
  close(): Promise<void>;
}

interface Held {
  readonly text: string;
  /** How much of the request is let through; undefined for all of it. */
  readonly bytes?: number;
  readonly meanwhile: () => Promise<unknown>;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export async function openDoor(port: number): Promise<Door> {
  let armed: Held | undefined;
  const uploads: string[] = [];
  const open = new Set<Socket>();
  const door = createServer((caller) => {
    const server = connect(port, '127.0.0.1');
    let held: Held | undefined;
    let holding = false;
    let passed = 0;
    const cut = ({ meanwhile, done, failed }: Held): void => {
      holding = true;
      meanwhile()
        .then(done, failed)
        .finally(() => {
          caller.destroy();
          server.destroy();
        });
    };
    for (const socket of [caller, server]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        if (holding) return;
        caller.destroy();
        server.destroy();
      });
    }
    caller.on('data', (chunk) => {
      if (armed && chunk.includes(armed.text)) {
        held = armed;
        armed = undefined;
      }
      if (holding) return;
      if (chunk.toString('latin1', 0, 4) === 'PUT ') uploads.push(chunk.toString('latin1').split('\r\n\r\n')[0]!);
      server.write(chunk);
      if (held) passed += chunk.length;
      if (held?.bytes !== undefined && passed >= held.bytes) cut(held);
    });
    server.on('data', (chunk) => {
      if (!held) return void caller.write(chunk);
      if (!holding) cut(held);
    });
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    uploads,
    cutRequest: (text, bytes, meanwhile) => new Promise((done, failed) => (armed = { text, bytes, meanwhile, done, failed })),
    holdAnswerTo: (text, meanwhile) => new Promise((done, failed) => (armed = { text, meanwhile, done, failed })),
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => door.close(resolve));
    },
  };
}
