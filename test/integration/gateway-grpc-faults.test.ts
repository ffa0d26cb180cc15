/** A gateway that leaves or dies, as gRPC clients see it. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GatewaySupervisor } from '../../server/engines/gateway-supervisor.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { COMMAND_MODEL, GatewayBench, publish, routeOf, targetOf } from '../support/gateway.js';
import { GrpcClient, inferMessage, type StreamAnswer } from '../support/grpc.js';

let db: TestDatabase;
let bench: GatewayBench;
const clients: GrpcClient[] = [];
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  bench = new GatewayBench();
  const replica = await bench.replica(COMMAND_MODEL, { maxConcurrency: 16 });
  await publish(db.url, [routeOf([targetOf([replica])], { maxConcurrency: 16, timeoutMs: 30_000 })]);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await bench.close();
});

function connect(port: number): GrpcClient {
  const client = new GrpcClient(`127.0.0.1:${port}`);
  clients.push(client);
  return client;
}

const request = (command: string, id = ''): object =>
  inferMessage('m', [{ name: 'command', datatype: 'BYTES', shape: [1], data: [Buffer.from(command)] }], { id });

/** Sockets that listen, held by this process until it lets go of them. */
async function hold(): Promise<{ ports: number[]; fds: number[]; letGo: () => void }> {
  const holders = [createServer(), createServer()];
  for (const holder of holders) await once(holder.listen(0, '127.0.0.1', 4096), 'listening');
  return {
    ports: holders.map((holder) => (holder.address() as AddressInfo).port),
    fds: holders.map((holder) => (holder as unknown as { _handle: { fd: number } })._handle.fd),
    letGo: () => holders.forEach((holder) => holder.close()),
  };
}

/** Calls without a pause, one after the other on each client. */
function load(on: readonly GrpcClient[]) {
  const failures: string[] = [];
  let answered = 0;
  let going = true;
  const loops = on.map(async (client) => {
    while (going) {
      await client.call('ModelInfer', request('echo'), { deadlineMs: 20_000 }).then(
        () => answered++,
        (error: Error) => failures.push(error.message),
      );
    }
  });
  return {
    failures,
    answered: () => answered,
    stop: async () => {
      going = false;
      await Promise.all(loops);
    },
  };
}

describe('leaving', () => {
  test('over an inherited socket, under load, another worker beside it: no request fails', async () => {
    const { ports, fds, letGo } = await hold();
    const [first, second] = await Promise.all([bench.gateway(db.url, {}, ...fds), bench.gateway(db.url, {}, ...fds)]);
    letGo();
    expect([first.grpcPort, second.grpcPort]).toEqual([ports[1], ports[1]]);
    const traffic = load(Array.from({ length: 16 }, () => connect(ports[1]!)));
    await eventually(() => traffic.answered() > 200, 'traffic', 30_000);
    expect(await first.stop()).toBe(0);
    const then = traffic.answered();
    await eventually(() => traffic.answered() > then + 200, 'traffic at the other', 30_000);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  }, 120_000);

  test('health is told, what is under way is answered, an idle stream is ended, and a new call is refused', async () => {
    const gateway = await bench.gateway(db.url);
    const client = connect(gateway.grpcPort);
    const watched: string[] = [];
    const watch = client.watch().on('data', ({ status: now }: { status: string }) => watched.push(now));
    watch.on('error', () => undefined);
    await eventually(() => watched.length > 0, 'the first status');
    const stream = client.stream();
    const answers: StreamAnswer[] = [];
    stream.on('data', (answer: StreamAnswer) => answers.push(answer));
    const ended = once(stream, 'error') as Promise<[ServiceError]>;
    const held = bench.held();
    stream.write(request(held.command, 'slow'));
    const slow = client.call('ModelInfer', request(held.command));
    await held.begun(2);
    const exit = gateway.stop();
    await eventually(() => watched.at(-1) === 'NOT_SERVING', 'the end of health');
    held.letGo();
    expect((await slow).message['model_version']).toBe('1');
    expect((await ended)[0].code).toBe(status.UNAVAILABLE);
    expect(answers.map(({ infer_response, error_message }) => [infer_response.id, error_message])).toEqual([['slow', '']]);
    expect(await exit).toBe(0);
    const refused = await client.call('ServerLive').catch((error: ServiceError) => error);
    expect(refused).toMatchObject({ code: status.UNAVAILABLE });
    expect(watched).toEqual(['SERVING', 'NOT_SERVING']);
  }, 120_000);
});

describe('a worker that is killed', () => {
  /** Process ids of the workers that served so far. */
  const workers = (): number[] =>
    readFileSync(join(bench.home, 'logs', 'gateway.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"the gateway serves"'))
      .map((line) => (JSON.parse(line) as { pid: number }).pid);

  test('while its port is held: connections made meanwhile are answered by the next one', async () => {
    const { PATH } = process.env;
    const supervisor = await GatewaySupervisor.start({
      home: bench.home,
      sockets: ['http', 'grpc'].map((name) => ({ name, host: '127.0.0.1', port: 0, variable: `PILOTHOUSE_${name.toUpperCase()}_PORT` })),
      workers: 1,
      environment: { DATABASE_URL: db.url },
      serverEnvironment: { PATH },
      build: 'test',
      log: () => undefined,
    });
    try {
      const { port } = supervisor.endpoints['grpc']!;
      const client = connect(port);
      expect((await client.call('ModelInfer', request('echo'), { deadlineMs: 30_000 })).message['model_version']).toBe('1');
      const [first] = await eventually(() => workers().length === 1 && workers(), 'the worker', 30_000);
      process.kill(first!, 'SIGKILL');
      const waiting = Array.from({ length: 8 }, () => connect(port).call('ModelInfer', request('echo'), { deadlineMs: 30_000 }));
      for (const reply of await Promise.allSettled(waiting)) expect(reply).toMatchObject({ status: 'fulfilled' });
      // A client that was connected to the killed one finds the next.
      await eventually(
        () =>
          client.call('ModelInfer', request('echo')).then(
            () => true,
            () => false,
          ),
        'the old client at the new worker',
        30_000,
      );
      await expect.poll(() => new Set(workers()).size, { timeout: 10_000 }).toBe(2);
    } finally {
      await supervisor.stop({ graceMs: 5_000 });
    }
  }, 120_000);
});
