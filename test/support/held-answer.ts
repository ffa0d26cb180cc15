/** A door before a server that holds one answer back: the request has arrived and was carried out, and its caller never hears of it. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Door {
  readonly url: string;
  /**
   * For the next request that contains a text: runs `meanwhile` once its answer begins to come, and then cuts the caller off.
   * Resolves after that.
   */
  holdAnswerTo(text: string, meanwhile: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

interface Held {
  readonly text: string;
  readonly meanwhile: () => Promise<unknown>;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export async function openDoor(port: number): Promise<Door> {
  let armed: Held | undefined;
  const open = new Set<Socket>();
  const door = createServer((caller) => {
    const server = connect(port, '127.0.0.1');
    let held: Held | undefined;
    let holding = false;
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
      server.write(chunk);
    });
    server.on('data', (chunk) => {
      if (!held) return void caller.write(chunk);
      if (holding) return;
      holding = true;
      const { meanwhile, done, failed } = held;
      meanwhile()
        .then(done, failed)
        .finally(() => {
          caller.destroy();
          server.destroy();
        });
    });
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    holdAnswerTo: (text, meanwhile) => new Promise((done, failed) => (armed = { text, meanwhile, done, failed })),
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => door.close(resolve));
    },
  };
}
