/**
 * A minute of load on the real program while replicas are killed, routes change and PostgreSQL is killed: every answer is right, and
 * nothing fails but what a killed replica may have been working on, which is told so clearly.
 */
import { existsSync, readFileSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { connect, type DeploymentChange, type PilothouseClient, type Version } from '@pilothouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { eventually } from '../support/eventually.js';
import { startProgram, type RunningProgram } from '../support/program.js';

const LOAD_MS = 60_000;
const CALLERS = 16;
const PATIENCE_MS = 60_000;
const MODEL = join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx');
const { samples } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'lineage.json'), 'utf8')) as {
  samples: { label: number; values: number[] }[];
};
const [digit] = samples;

let program: RunningProgram;
let client: PilothouseClient;

beforeAll(async () => {
  program = await startProgram({ PILOTHOUSE_SAMPLES: 'off', DATABASE_URL: '' });
  client = connect({ url: program.url, gatewayUrl: program.gatewayUrl, token: program.token });
}, 120_000);

afterAll(async () => {
  await client?.close();
  await program?.stop();
  program?.clean();
});

interface Reply {
  readonly status: number;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
const body = JSON.stringify({ inputs: [{ name: 'pixels', datatype: 'FP32', shape: [1, 64], data: digit!.values }] });

function infer(): Promise<Reply> {
  return new Promise((resolve) => {
    const call = httpRequest(
      `${program.gatewayUrl}/v2/models/faulty/infer`,
      { agent, method: 'POST', headers: { 'Content-Length': Buffer.byteLength(body) } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode!, body: text }));
        response.on('error', (error) => resolve({ status: 0, body: error.message }));
      },
    );
    call.on('error', (error) => resolve({ status: 0, body: error.message }));
    call.end(body);
  });
}

interface ReplicaRow {
  readonly pid: number;
  readonly state: string;
}

async function readyReplicas(): Promise<ReplicaRow[]> {
  const response = await fetch(`${program.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${program.token}` },
    body: JSON.stringify({ query: '{ deployment(name: "faulty") { targets { replicas { pid state } } } }' }),
  });
  const { data } = (await response.json()) as { data: { deployment: { targets: { replicas: ReplicaRow[] }[] } } };
  return data.deployment.targets.flatMap(({ replicas }) => replicas).filter(({ state }) => state === 'READY');
}

const settle = (change: DeploymentChange): Promise<unknown> => client.ready(change, { signal: AbortSignal.timeout(PATIENCE_MS) });
/** @param lost a process that may be among them until its death is noticed */
const replicasReady = (count: number, lost: number): Promise<unknown> =>
  eventually(
    async () => {
      const ready = await readyReplicas();
      return ready.length === count && ready.every(({ pid }) => pid !== lost);
    },
    `${count} replicas are READY`,
    PATIENCE_MS,
  );
const postmaster = (): number => {
  const file = join(program.home, 'postgres', 'postmaster.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0;
};
const serverReady = (): Promise<unknown> =>
  eventually(
    () =>
      fetch(`${program.url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    'the server has its database back',
    PATIENCE_MS,
  );

test('a minute of faults under load', { timeout: 300_000 }, async () => {
  await client.createModel({ name: 'faulty' });
  const versions: Version[] = [];
  for (let i = 0; i < 2; i++) versions.push(await client.waitForVersion(await client.createVersion({ model: 'faulty', files: [MODEL] })));
  await settle(await client.deploy({ name: 'faulty', replicas: 2, targets: [{ versionId: versions[0]!.id }] }));

  let on = true;
  let answered = 0;
  const failures: Reply[] = [];
  const caller = async (): Promise<void> => {
    while (on) {
      const reply = await infer();
      if (reply.status !== 200) failures.push(reply);
      else {
        const [label] = (JSON.parse(reply.body) as { outputs: { data: number[] }[] }).outputs;
        expect(label!.data).toEqual([digit!.label]);
        answered++;
      }
    }
  };
  const callers = Array.from({ length: CALLERS }, caller);
  let kills = 0;
  const faults: (() => Promise<unknown>)[] = [
    async () => {
      const victim = await eventually(async () => (await readyReplicas())[0], 'a replica that is READY', PATIENCE_MS);
      process.kill(victim.pid, 'SIGKILL');
      kills++;
      await replicasReady(2, victim.pid);
    },
    async () => settle(await client.deploy({ name: 'faulty', targets: [{ versionId: versions[1]!.id }] })),
    async () => {
      const killed = postmaster();
      process.kill(killed, 'SIGKILL');
      // Its backends answer for a moment more: the server is ready with another one only.
      await eventually(() => postmaster() !== 0 && postmaster() !== killed, 'PostgreSQL runs again', PATIENCE_MS);
      await serverReady();
    },
    async () => settle(await client.scale('faulty', 3)),
    async () => settle(await client.scale('faulty', 2)),
    async () => settle(await client.deploy({ name: 'faulty', targets: [{ versionId: versions[0]!.id }] })),
  ];
  const start = performance.now();
  try {
    for (let i = 0; i < faults.length || performance.now() - start < LOAD_MS; i++) await faults[i % faults.length]!();
  } finally {
    on = false;
    await Promise.all(callers);
  }

  const lost = failures.filter(({ status, body }) => status === 502 && body.includes('the replica died while it worked on this request'));
  console.log(`${answered} answered, ${kills} replicas killed, ${failures.length} failed`);
  expect(failures.filter((failure) => !lost.includes(failure))).toEqual([]);
  // A killed replica takes at most what it had under way, and of that only what nothing else can have killed.
  expect(lost.length).toBeLessThanOrEqual(kills);
  expect(answered).toBeGreaterThan(100);
});
