import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { acknowledged, COMMAND_MODEL, databaseProxy, GatewayBench, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';

vi.setConfig({ testTimeout: 120_000 });

let db: TestDatabase;
let bench: GatewayBench;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => {
  bench = new GatewayBench();
});
afterEach(() => bench.close());

const query = (sql: string, parameters: unknown[] = []) => db.dataSource.query(sql, parameters);

/** Sends without pause on some connections until told to stop; every reply's status and version is kept. */
function load(gateway: { port: number }, connections: number, command = 'echo') {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const replies: { status: number; version: string | undefined; text: string }[] = [];
  const errors: Error[] = [];
  let on = true;
  const body = JSON.stringify({ inputs: [{ name: 'command', datatype: 'BYTES', shape: [1], data: [command] }] });
  const one = () =>
    new Promise<void>((resolve) => {
      const call = httpRequest(
        { host: '127.0.0.1', port: gateway.port, path: '/v2/models/m/infer', method: 'POST', agent, headers: { 'content-length': body.length } },
        (response) => {
          let text = '';
          response.on('data', (chunk) => (text += chunk));
          response.on('end', () => {
            replies.push({ status: response.statusCode!, version: response.headers['x-pilothouse-version'] as string | undefined, text });
            resolve();
          });
        },
      );
      call.on('error', (error) => {
        errors.push(error);
        resolve();
      });
      call.end(body);
    });
  const loops = Array.from({ length: connections }, async () => {
    while (on) await one();
  });
  return {
    replies,
    errors,
    /** Waits for so many more replies. */
    more: async (count: number) => {
      const before = replies.length;
      await eventually(() => replies.length >= before + count, `${count} more replies`, 30_000);
    },
    stop: async () => {
      on = false;
      await Promise.all(loops);
      agent.destroy();
      return { failed: [...replies.filter(({ status }) => status !== 200), ...errors.map(String)], count: replies.length };
    },
  };
}

describe('a new route table', () => {
  test('is swapped under load without a failed request, acknowledged with what is under way, and saved', async () => {
    const [old, fresh] = await Promise.all([bench.replica(COMMAND_MODEL, { versionDigest: 'one' }), bench.replica(COMMAND_MODEL, { versionDigest: 'two' })]);
    const route = routeOf([targetOf([old], { versionNumber: 1 })]);
    const first = await publish(db.url, [route]);
    const gateway = await bench.gateway(db.url);
    await acknowledged(query, gateway, first);
    const traffic = load(gateway, 4);
    await traffic.more(20);
    const held = bench.held();
    const slow = gateway.command(held.command);
    await held.begun();
    const second = await publish(db.url, [{ ...route, targets: [targetOf([fresh], { versionNumber: 2 })] }]);
    const underWayAtOld = async () => (await acknowledged(query, gateway, second)).in_flight[old.replicaId];
    // Beside it, what the others had sent there before the swap.
    await eventually(async () => (await underWayAtOld()) === 1, 'the old replica with its last request');
    // What the reconciler does once nothing new can come: the old one drains while it still has one.
    const drained = old.drain();
    await eventually(async () => (await old.hello()).state === 'DRAINING', 'the old replica draining');
    held.letGo();
    expect(await slow).toMatchObject({ status: 200 });
    await eventually(async () => (await underWayAtOld()) === undefined, 'the end of the last request at the old replica');
    await drained;
    await traffic.more(20);
    const { failed, count } = await traffic.stop();
    expect(failed).toEqual([]);
    expect(count).toBeGreaterThan(10);
    expect(new Set(traffic.replies.map(({ version }) => version))).toEqual(new Set(['1', '2']));
    const path = join(bench.home, 'run', 'gateway', 'routes.json');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: second, routes: [{ name: 'm' }] });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('is not held up for ever by a replica that is dead, and never leads to one that is not the right one', async () => {
    const [good, other] = await Promise.all([bench.replica(COMMAND_MODEL), bench.replica(COMMAND_MODEL, { versionDigest: 'another' })]);
    const gateway = await bench.gateway(db.url);
    const impostors = [
      { replicaId: randomUUID(), address: `unix:${join(bench.home, 'nobody.sock')}` },
      { replicaId: randomUUID(), address: good.address },
      { replicaId: other.replicaId, address: other.address },
      { replicaId: good.replicaId, address: good.address },
    ];
    const version = await publish(db.url, [routeOf([{ ...targetOf([good]), replicas: impostors }], { maxConcurrency: 1 })]);
    await acknowledged(query, gateway, version);
    const together = await Promise.all(Array.from({ length: 6 }, () => gateway.command('wait:30')));
    expect(together.map(({ status }) => status)).toEqual(Array(6).fill(200));
    const reasons = () => gateway.log.filter(({ msg }) => msg === 'a replica cannot be used; retrying').map(({ reason }) => reason);
    await expect
      .poll(reasons, { timeout: 10_000 })
      .toEqual(
        expect.arrayContaining([
          expect.stringContaining('ENOENT'),
          `replica ${good.replicaId} answers at ${good.address}`,
          'it has loaded the version with digest another, not digest-1',
        ]),
      );
  });

  test('is found by looking, where the wake-up is lost', async () => {
    const replica = await bench.replica(COMMAND_MODEL);
    const gateway = await bench.gateway(db.url);
    await publish(db.url, [routeOf([targetOf([replica])], { name: 'quiet' })], false);
    await eventually(async () => (await gateway.command('echo', { model: 'quiet' })).status === 200, 'the route that nobody announced');
  });

  test('gives each target its weight exactly', async () => {
    const [a, b] = await Promise.all([bench.replica(COMMAND_MODEL), bench.replica(COMMAND_MODEL)]);
    await publish(db.url, [routeOf([targetOf([a], { versionNumber: 1, weight: 9 }), targetOf([b], { versionNumber: 2, weight: 1 })])]);
    const gateway = await bench.gateway(db.url);
    const versions = await Promise.all(Array.from({ length: 100 }, async () => (await gateway.command('echo')).headers.get('x-pilothouse-version')));
    expect(versions.filter((version) => version === '2')).toHaveLength(10);
  });
});

describe('without PostgreSQL', () => {
  test('it goes on serving and metering, and starts from the saved routes; nothing is lost when PostgreSQL is back', async () => {
    const replica = await bench.replica(COMMAND_MODEL);
    const route = routeOf([targetOf([replica])]);
    const first = await publish(db.url, [route]);
    const proxy = await databaseProxy(db.url);
    const gateway = await bench.gateway(proxy.url);
    await acknowledged(query, gateway, first);
    proxy.cut();
    for (let i = 0; i < 20; i++) expect((await gateway.command('echo')).status).toBe(200);
    const second = await bench.gateway(proxy.url);
    expect((await second.command('echo')).status).toBe(200);
    expect(second.log).toContainEqual(expect.objectContaining({ msg: 'PostgreSQL cannot be reached; serving the saved route table', version: first }));
    // Meanwhile the table changes, and nobody can tell them.
    const version = await publish(db.url, [route, routeOf([targetOf([replica])], { name: 'later' })]);
    await delay(300);
    expect((await gateway.command('echo', { model: 'later' })).status).toBe(404);
    proxy.mend();
    for (const each of [gateway, second]) {
      await acknowledged(query, each, version);
      expect((await each.command('echo', { model: 'later' })).status).toBe(200);
    }
    const metered = () =>
      query('SELECT coalesce(sum(requests), 0)::int AS n FROM metric_window WHERE gateway_id = $1 AND deployment_id = $2', [gateway.id, route.deploymentId]);
    await eventually(async () => (await metered())[0].n === 20, 'twenty metered requests');
    await delay(1_200);
    expect((await metered())[0].n).toBe(20);
    proxy.close();
  });

  test('its connections are ended by the server: it comes back by itself', async () => {
    const replica = await bench.replica(COMMAND_MODEL);
    await publish(db.url, [routeOf([targetOf([replica])])]);
    const gateway = await bench.gateway(db.url);
    const traffic = load(gateway, 2);
    await query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pilothouse-gateway' AND datname = current_database()`);
    const version = await publish(db.url, [routeOf([targetOf([replica], { versionNumber: 2 })])]);
    await acknowledged(query, gateway, version);
    expect((await gateway.command('echo')).headers.get('x-pilothouse-version')).toBe('2');
    expect((await traffic.stop()).failed).toEqual([]);
  });

  test('a saved table that is damaged is refused with a reason, and one of another database is replaced', async () => {
    const replica = await bench.replica(COMMAND_MODEL);
    const version = await publish(db.url, [routeOf([targetOf([replica])])]);
    const gateway = await bench.gateway(db.url);
    await acknowledged(query, gateway, version);
    await gateway.kill();
    const { mkdirSync, writeFileSync } = await import('node:fs');
    const path = join(bench.home, 'run', 'gateway', 'routes.json');
    mkdirSync(join(bench.home, 'run', 'gateway'), { recursive: true });
    const saved = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...saved, routes: [] }));
    // The same version by chance, other routes.
    const again = await bench.gateway(db.url);
    // Where PostgreSQL is slow to answer it begins with what was saved.
    await eventually(async () => (await again.command('echo')).status === 200, 'the routes of this database');
    await again.kill();
    writeFileSync(path, '{"format":1,"ver');
    const alone = await bench.gatewayWithoutTable('postgres://postgres@127.0.0.1:1/nothing');
    expect(await alone.request('/v2/health/ready')).toMatchObject({ status: 503, body: { ready: false } });
    expect(await alone.command('echo')).toMatchObject({
      status: 503,
      body: { error: 'the gateway has no route table yet: PostgreSQL cannot be reached and none was saved' },
    });
    expect(alone.log).toContainEqual(expect.objectContaining({ msg: 'the saved route table cannot be used' }));
  });
});

describe('a replica that dies', () => {
  async function serving(replicas: number, more: Parameters<typeof routeOf>[1] = {}, env: Record<string, string> = {}) {
    const started = await Promise.all(Array.from({ length: replicas }, () => bench.replica(COMMAND_MODEL)));
    const route = routeOf([targetOf(started)], more);
    await publish(db.url, [route]);
    const gateway = await bench.gateway(db.url, env);
    await gateway.reaches('m');
    return { started, route, gateway };
  }

  test('with several requests under way: they are tried again on the other, and nobody notices', async () => {
    const {
      started: [a, b],
      gateway,
    } = await serving(2);
    const held = bench.held();
    const together = Array.from({ length: 8 }, () => gateway.command(held.command));
    // Four at each.
    await held.begun(8);
    await a!.kill();
    held.letGo();
    const replies = await Promise.all(together);
    expect(replies.map(({ status, body }) => body.error ?? status)).toEqual(Array(8).fill(200));
    await b!.kill();
  });

  test('the only one: what waits is answered by its replacement; what comes when there is none waits for its deadline', async () => {
    const {
      started: [only],
      route,
      gateway,
    } = await serving(1, { maxConcurrency: 2 });
    const held = bench.held();
    const together = Array.from({ length: 6 }, () => gateway.command(held.command));
    await held.begun(2);
    await gateway.counts('m', 'queued', 4);
    await only!.kill();
    held.letGo();
    await gateway.misses('m');
    const hopeless = await gateway.command('echo', { parameters: { timeout: 200_000 } });
    expect(hopeless).toMatchObject({ status: 503, body: { error: "no replica became ready within the request's deadline of 200 ms" } });
    const replacement = await bench.replica(COMMAND_MODEL);
    await publish(db.url, [{ ...route, targets: [{ ...route.targets[0]!, replicas: [{ replicaId: replacement.replicaId, address: replacement.address }] }] }]);
    expect((await Promise.all(together)).map(({ status, body }) => body.error ?? status)).toEqual(Array(6).fill(200));
  });

  test('by a poison request: it alone fails, whoever was beside it is answered', async () => {
    const {
      started: [first],
      route,
      gateway,
    } = await serving(1);
    const held = bench.held();
    const beside = Array.from({ length: 3 }, () => gateway.command(held.command));
    await held.begun(3);
    const death = once(first!.process, 'exit');
    const poison = gateway.command('abort');
    await death;
    held.letGo();
    // The engine restarts what crashes; here the test does, until everyone has an answer.
    let done = false;
    const restarts = (async () => {
      for (let i = 0; !done && i < 3; i++) {
        const replica = await bench.replica(COMMAND_MODEL);
        await publish(db.url, [{ ...route, targets: [{ ...route.targets[0]!, replicas: [{ replicaId: replica.replicaId, address: replica.address }] }] }]);
        await Promise.race([once(replica.process, 'exit'), eventually(() => done, 'the end', 60_000)]);
      }
    })();
    expect((await Promise.all(beside)).map(({ status, body }) => body.error ?? status)).toEqual(Array(3).fill(200));
    expect(await poison).toMatchObject({ status: 502, body: { error: expect.stringMatching(/^the replica died while it worked on this request/) } });
    done = true;
    await restarts;
  }, 120_000);

  test('alone with a request: that one is told, and not tried again', async () => {
    const { gateway } = await serving(2);
    expect(await gateway.command('abort')).toMatchObject({ status: 502, body: { error: expect.stringContaining('and on nothing else') } });
    expect((await gateway.command('echo')).status).toBe(200);
  });

  test('alone with a request of one of several gateways: nobody knows what else was under way there, so it is tried again', async () => {
    const sockets = join(bench.home, 'workers');
    mkdirSync(sockets);
    const {
      started: [first],
      route,
      gateway,
    } = await serving(1, {}, { PILOTHOUSE_WORKER: '0', PILOTHOUSE_WORKER_SOCKETS: sockets });
    const held = bench.held();
    const reply = gateway.command(held.command);
    await held.begun();
    await first!.kill();
    held.letGo();
    const others = await Promise.all([bench.replica(COMMAND_MODEL), bench.replica(COMMAND_MODEL)]);
    await publish(db.url, [{ ...route, targets: [{ ...route.targets[0]!, replicas: others.map(({ replicaId, address }) => ({ replicaId, address })) }] }]);
    expect((await reply).status).toBe(200);
    const poison = await gateway.command('abort');
    expect(poison).toMatchObject({ status: 502, body: { error: expect.stringContaining('and so did the replica that worked on it before') } });
  });

  test('a draining one is left without a failed request, though no table says so', async () => {
    const {
      started: [a],
      gateway,
    } = await serving(2);
    const traffic = load(gateway, 4);
    await traffic.more(20);
    await a!.drain();
    await traffic.more(20);
    expect((await traffic.stop()).failed).toEqual([]);
  });

  test('and comes back at the same place is used again', async () => {
    const {
      started: [only],
      gateway,
    } = await serving(1);
    await only!.kill();
    // A request that it were sent yet would be lost with it.
    await gateway.misses('m');
    const waiting = gateway.command('echo');
    await bench.replica(COMMAND_MODEL, { replicaId: only!.replicaId, socketPath: only!.socketPath });
    expect(await waiting).toMatchObject({ status: 200 });
  });
});

describe('leaving', () => {
  test('over an inherited socket, under load, another worker beside it: no request fails', async () => {
    const replica = await bench.replica(COMMAND_MODEL);
    await publish(db.url, [routeOf([targetOf([replica])], { maxConcurrency: 16 })]);
    const holder = createServer();
    await once(holder.listen(0, '127.0.0.1', 4096), 'listening');
    const { port } = holder.address() as AddressInfo;
    const { fd } = (holder as unknown as { _handle: { fd: number } })._handle;
    const [first, second] = await Promise.all([bench.gateway(db.url, {}, fd), bench.gateway(db.url, {}, fd)]);
    // This process would accept connections too: from here on only the workers hold the socket.
    holder.close();
    expect([first.port, second.port]).toEqual([port, port]);
    const traffic = load(first, 8);
    await traffic.more(20);
    expect(await first.stop()).toBe(0);
    await traffic.more(20);
    const { failed, count } = await traffic.stop();
    expect(failed).toEqual([]);
    expect(count).toBeGreaterThan(20);
  });

  /** It hears of a signal in its own time. */
  const draining = (gateway: TestGateway) => gateway.logged((msg) => msg === 'draining', 'a gateway that drains');

  test('a request under way is answered, its connection closed, and a second signal a second later ends it at once', async () => {
    const replica = await bench.replica(COMMAND_MODEL);
    await publish(db.url, [routeOf([targetOf([replica])])]);
    const gateway = await bench.gateway(db.url);
    const held = bench.held();
    const slow = gateway.command(held.command);
    await held.begun();
    const stopped = gateway.stop();
    await draining(gateway);
    held.letGo();
    const reply = await slow;
    expect([reply.status, reply.headers.get('connection')]).toEqual([200, 'close']);
    expect(await stopped).toBe(0);

    const stuck = await bench.gateway(db.url);
    const kept = bench.held();
    const never = stuck.command(kept.command).catch(() => 'cut off');
    await kept.begun();
    const end = once(stuck.process, 'exit');
    // It is told of both at once, however long it takes to send them.
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) stuck.process.kill(signal);
    await draining(stuck);
    await delay(1_100);
    expect(stuck.process.exitCode).toBeNull();
    stuck.process.kill('SIGTERM');
    expect(await end).toEqual([1, null]);
    expect(await never).toBe('cut off');
  });
});
