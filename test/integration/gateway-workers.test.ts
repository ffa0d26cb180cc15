/** Two gateway processes on one port, as PILOTHOUSE_GATEWAYS=2 starts them. */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { listLaunches } from '../../server/engines/gateway-launch.js';
import { GatewaySupervisor } from '../../server/engines/gateway-supervisor.js';
import { makeSocketFolder, removeSocketFolder } from '../../server/engines/socket-folder.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { COMMAND_MODEL, GatewayBench, publish, routeOf, targetOf, type TestReplica } from '../support/gateway.js';
import { samplesOf } from '../support/promtool.js';

vi.setConfig({ testTimeout: 120_000 });

let db: TestDatabase;
let bench: GatewayBench;
let replica: TestReplica;
let supervisor: GatewaySupervisor;
let port: number;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  replica = await bench.replica(COMMAND_MODEL, { maxConcurrency: 64 });
  await publish(db.url, [routeWith(1)]);
  supervisor = await GatewaySupervisor.start({
    home: bench.home,
    sockets: ['http', 'grpc'].map((name) => ({ name, host: '127.0.0.1', port: 0, variable: `PILOTHOUSE_${name.toUpperCase()}_PORT` })),
    workers: 2,
    environment: { DATABASE_URL: db.url, PILOTHOUSE_WORKER_SOCKETS: makeSocketFolder(bench.home) },
    serverEnvironment: { PATH: process.env['PATH'] },
    build: 'one',
    log: () => undefined,
  });
  port = supervisor.endpoints['http']!.port;
  await bothServe();
}, 60_000);
afterAll(async () => {
  await supervisor.stop({ graceMs: 500 });
  removeSocketFolder(bench.home);
  await bench.close();
  await db.drop();
});

const route = { deploymentId: '7b0d2c7e-94ab-4d6b-8a0e-6a4c1b1f0001', maxConcurrency: 64 };
const routeWith = (versionNumber: number) => routeOf([targetOf([replica], { versionNumber })], route);

interface Reply {
  readonly status: number;
  /** The ids that a worker makes begin with a prefix of its own. */
  readonly worker: string;
  readonly version: string | undefined;
  readonly answer: unknown;
}

/** One request on a connection of its own. @throws with the code of a connection that failed */
function ask(command: string): Promise<Reply> {
  const body = JSON.stringify({ inputs: [{ name: 'command', datatype: 'BYTES', shape: [1], data: [command] }] });
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/v2/models/m/infer', agent }, (response) => {
      let text = '';
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        const { headers, statusCode } = response;
        const answer = (JSON.parse(text) as { outputs?: { data: unknown[] }[] }).outputs?.[0]!.data[0];
        const version = headers['x-pilothouse-version'];
        resolve({ status: statusCode!, worker: String(headers['x-request-id']).split('-')[0]!, version: version as string | undefined, answer });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Asks until both workers have answered. */
async function askBoth(): Promise<Reply[]> {
  const replies: Reply[] = [];
  await eventually(
    async () => {
      replies.push(await ask('wait:1'));
      return new Set(replies.map(({ worker }) => worker)).size === 2;
    },
    'an answer of each worker',
    30_000,
  );
  return replies;
}

async function workerPids(): Promise<number[]> {
  const living = new Set(listLaunches(bench.home).flatMap((launch) => launch.processes().map(({ pid }) => pid)));
  const rows: { pid: number; version: string }[] = await db.dataSource.query('SELECT pid, acknowledged_version AS version FROM gateway');
  return rows.filter(({ pid, version }) => living.has(pid) && Number(version) > 0).map(({ pid }) => pid);
}
const bothServe = () => eventually(async () => (await workerPids()).length === 2, 'two workers that serve', 30_000);
/** A worker that takes a second to answer is left out of a scrape, and rightly: a scrape that took as long says nothing here. */
async function scrape(): Promise<string> {
  for (;;) {
    const started = performance.now();
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    if (performance.now() - started < 950) return text;
  }
}
const byWorker = (text: string, name: string) => Object.fromEntries(samplesOf(text, name).map(({ labels, value }) => [labels['worker']!, value]));

test('either answers correctly, and a scrape of either has both', async () => {
  const replies = await askBoth();
  expect(new Set(replies.map(({ status, version, answer }) => `${status} ${version} ${String(answer)}`))).toEqual(new Set(['200 1 wait:1']));
  for (let i = 0; i < 6; i++) {
    const text = await scrape();
    const answered = byWorker(text, 'pilothouse_inference_duration_seconds_count');
    expect(Object.keys(answered)).toEqual(['0', '1']);
    expect(answered['0']).toBeGreaterThan(0);
    expect(answered['1']).toBeGreaterThan(0);
    expect(answered['0']! + answered['1']!).toBe(replies.length);
    expect(Object.keys(byWorker(text, 'process_start_time_seconds'))).toEqual(['0', '1']);
  }
});

test('a new route table is served by both', async () => {
  const version = await publish(db.url, [routeWith(2)]);
  await eventually(
    async () => {
      const rows: { pid: number; version: string }[] = await db.dataSource.query('SELECT pid, acknowledged_version AS version FROM gateway');
      return rows.every((row) => Number(row.version) >= version);
    },
    'the acknowledgement of both',
    30_000,
  );
  expect(new Set((await askBoth()).map((reply) => reply.version))).toEqual(new Set(['2']));
});

test.each([['alive', 0] as const, ['gone', 1] as const])('kill -9 of one loses no connection that is made then, with the server %s', async (server, which) => {
  // A server that is gone looks after nothing any more: the holder does.
  if (server === 'gone') supervisor.detach();
  const [first, second] = await workerPids();
  const killed = [first!, second!][which]!;
  process.kill(killed, 'SIGKILL');
  const replies = await Promise.all(Array.from({ length: 40 }, async (_, i) => (await delay(i * 10), ask('wait:1'))));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  await eventually(async () => !(await workerPids()).includes(killed) && (await workerPids()).length === 2, 'a worker in the place of the killed one', 30_000);
  await askBoth();
  // The same two labels: the counters of the one that came anew began anew.
  expect(Object.keys(byWorker(await scrape(), 'pilothouse_inference_duration_seconds_count'))).toEqual(['0', '1']);
});

test('both leave without cutting anyone off', async () => {
  const slow: Promise<Reply>[] = [];
  const held = bench.held();
  const underWay = async () => Object.values(byWorker(await scrape(), 'pilothouse_inference_in_flight'));
  await eventually(
    async () => {
      slow.push(ask(held.command));
      // Each of them: one that no worker has taken yet is nobody's to finish.
      await eventually(async () => (await underWay()).reduce((sum, count) => sum + count, 0) === slow.length, 'requests under way');
      return (await underWay()).every((count) => count > 0);
    },
    'requests under way at both',
    30_000,
  );
  const stopped = supervisor.stop({ graceMs: 60_000 });
  await eventually(
    () =>
      ask('wait:1').then(
        () => false,
        ({ code }: NodeJS.ErrnoException) => code === 'ECONNREFUSED',
      ),
    'the end of the port',
  );
  held.letGo();
  await stopped;
  expect(new Set((await Promise.all(slow)).map(({ status }) => status))).toEqual(new Set([200]));
  expect(listLaunches(bench.home)).toEqual([]);
});
