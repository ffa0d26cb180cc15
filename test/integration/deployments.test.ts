import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as ort from 'onnxruntime-node';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { PROJECT_ROOT } from '../../server/paths.js';
import { DIGIT, startTestApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';

vi.setConfig({ testTimeout: 120_000 });

let t: TestApp;
beforeAll(async () => {
  t = await startTestApp();
}, 120_000);
afterAll(() => t?.close());

const DEPLOY =
  'mutation ($input: DeployInput!) { deploy(input: $input) { deployment { id generation } rollout { id state } eventsAfter userErrors { code message field } } }';
interface Deployed {
  deploy: {
    deployment: { id: string; generation: number } | null;
    rollout: { id: string } | null;
    eventsAfter: string | null;
    userErrors: { code: string; message: string; field: string[] }[];
  };
}
const deploy = async (input: object): Promise<Deployed['deploy']> => (await t.graphql<Deployed>(DEPLOY, { input })).deploy;

/** What fits `digits`. */
const PIXELS = { ...DIGIT, data: Array.from({ length: 64 }, () => 0) };

interface SeenEvent {
  cursor: string;
  type: string;
  phase: string;
  message: string;
}

/** Follows a deployment until an event says so, and answers everything that was told. */
async function follow(name: string, after: string | null, last: (event: SeenEvent) => boolean): Promise<SeenEvent[]> {
  const authorization = `Bearer ${t.token}`;
  const client = createClient({
    url: `${t.app.endpoints.control.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  });
  const seen: SeenEvent[] = [];
  try {
    const query =
      'subscription ($name: String!, $after: String) { deploymentEvents(deployment: { name: $name }, after: $after) { cursor type phase message } }';
    for await (const { data, errors } of client.iterate<{ deploymentEvents: SeenEvent }>({ query, variables: { name, after } })) {
      if (errors) throw new Error(JSON.stringify(errors));
      seen.push(data!.deploymentEvents);
      if (last(data!.deploymentEvents)) return seen;
    }
  } finally {
    await client.dispose();
  }
  return seen;
}

interface Load {
  /** Waits until so many requests that began after the call were answered. */
  more(count: number): Promise<void>;
  stop(): Promise<{ failures: string[]; versions: Set<string | null> }>;
}

/** Sends requests without pause until it is told to stop. */
function load(name: string): Load {
  let on = true;
  const failures: string[] = [];
  const versions = new Set<string | null>();
  let sent = 0;
  /** Each by the number of its request. */
  const answered: number[] = [];
  const loop = async (): Promise<void> => {
    while (on) {
      const number = sent++;
      try {
        const response = await t.infer(name);
        versions.add(response.headers.get('x-pilothouse-version'));
        if (response.status !== 200) failures.push(`${response.status} ${await response.text()}`);
        else await response.arrayBuffer();
      } catch (error) {
        failures.push(String((error as Error).cause ?? error));
      }
      answered.push(number);
    }
  };
  const loops = [loop(), loop(), loop()];
  return {
    more: async (count) => {
      const from = sent;
      await eventually(() => answered.filter((number) => number >= from).length >= count, `${count} more answers`, 30_000);
    },
    stop: async () => {
      on = false;
      await Promise.all(loops);
      return { failures, versions };
    },
  };
}

const replicasOf = async (
  name: string,
): Promise<
  { id: string; state: string; pid: number; reason: string | null; exitSignal: string | null; logTail: string | null; version: { number: number } }[]
> => {
  const { deployment } = await t.graphql<{ deployment: { replicas: { nodes: never[] } } }>(
    'query ($name: String!) { deployment(name: $name) { replicas(first: 50) { nodes { id state pid reason exitSignal logTail version { number } } } } }',
    { name },
  );
  return deployment.replicas.nodes;
};

describe('a deployment', () => {
  test('goes through PENDING, STARTING, LOADING and READY, each told live and in order, and again to whoever resumes', async () => {
    const version = await t.addVersion('digits');
    const { eventsAfter, userErrors, rollout } = await deploy({ name: 'digits', targets: [{ model: 'digits', version }] });
    expect(userErrors).toEqual([]);
    const live = await follow('digits', eventsAfter, (event) => event.phase === 'READY');
    const phases = live.map((event) => event.phase);
    expect(phases.filter((phase, i) => phase !== phases[i - 1])).toEqual(['PENDING', 'STARTING', 'LOADING', 'READY']);
    expect(live[0]).toMatchObject({ type: 'REVISION_CREATED', phase: 'PENDING' });
    const again = await follow('digits', live[2]!.cursor, (event) => event.phase === 'READY');
    expect(again).toEqual(live.slice(3));
    const { node } = await t.graphql<{ node: { state: string; steps: unknown[] } }>(
      'query ($id: ID!) { node(id: $id) { ... on Rollout { state steps { name } } } }',
      { id: rollout!.id },
    );
    expect(node.state).toBe('SUCCEEDED');
  });

  test('answers over REST and GraphQL what onnxruntime answers, to the last bit', async () => {
    const model = await ort.InferenceSession.create(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx'));
    const { samples } = JSON.parse(await readFile(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'lineage.json'), 'utf8')) as {
      samples: { values: number[] }[];
    };
    const data = samples.flatMap((sample) => sample.values);
    const direct = await model.run({ pixels: new ort.Tensor('float32', Float32Array.from(data), [samples.length, 64]) });
    const expected = {
      label: Array.from(direct['label']!.data as BigInt64Array, String),
      probabilities: Array.from(direct['probabilities']!.data as Float32Array),
    };
    const input = { name: 'pixels', datatype: 'FP32', shape: [samples.length, 64], data };
    const rest = (await (
      await fetch(`${t.app.endpoints.http}/v2/models/digits/infer`, { method: 'POST', body: JSON.stringify({ inputs: [input] }) })
    ).json()) as { outputs: { name: string; data: number[] }[] };
    expect({ label: rest.outputs[0]!.data.map(String), probabilities: Array.from(Float32Array.from(rest.outputs[1]!.data)) }).toEqual(expected);
    const { infer } = await t.graphql<{ infer: { outputs: { name: string; data: never[] }[]; versionNumber: number; userErrors: unknown[] } }>(
      'mutation ($input: InferInput!) { infer(input: $input) { outputs { name datatype shape data } versionNumber userErrors { message } } }',
      { input: { deployment: { name: 'digits' }, inputs: [input], outputs: ['probabilities', 'label'] } },
    );
    expect(infer).toMatchObject({ versionNumber: 1, userErrors: [] });
    expect({ label: infer.outputs[1]!.data, probabilities: Array.from(Float32Array.from(infer.outputs[0]!.data)) }).toEqual(expected);
  });

  test.each([
    ['an unknown deployment', { deployment: { name: 'nobody' } }, 'NOT_FOUND', 'deployment', /model "nobody" is unknown/],
    ['an unknown project', { deployment: { project: 'nowhere', name: 'digits' } }, 'NOT_FOUND', 'deployment', /model "nowhere.digits" is unknown/],
    ['an impossible name', { deployment: { name: 'a b' } }, 'INVALID', 'deployment', /"a b" is not a valid model name/],
    ['a missing input', { inputs: [] }, 'INVALID', 'inputs', /input "pixels" is missing/],
    ['an unknown input', { inputs: [PIXELS, { ...PIXELS, name: 'sound' }] }, 'INVALID', 'inputs', /input "sound" is unknown/],
    ['an input of another shape', { inputs: [{ ...PIXELS, shape: [8, 8] }] }, 'INVALID', 'inputs', /input "pixels" has shape \[8, 8\]/],
    ['an input that contradicts itself', { inputs: [{ ...PIXELS, shape: [2, 64] }] }, 'INVALID', 'inputs.0', /128 elements/],
    ['an unknown output', { outputs: ['label', 'mood'] }, 'INVALID', 'outputs', /output "mood" is unknown/],
    ['an output twice', { outputs: ['label', 'label'] }, 'INVALID', 'outputs', /output "label" is requested twice/],
  ])('infer says which field is at fault: %s', async (_name, input, code, field, message) => {
    const { infer } = await t.graphql<{ infer: unknown }>(
      'mutation ($input: InferInput!) { infer(input: $input) { outputs { name } userErrors { code message field } } }',
      { input: { deployment: { name: 'digits' }, inputs: [PIXELS], ...input } },
    );
    expect(infer).toEqual({ outputs: null, userErrors: [{ code, message: expect.stringMatching(message), field: ['input', ...field.split('.')] }] });
  });

  test('infer refuses a request that the model cannot compute, with what the runtime says', async () => {
    const { infer } = await t.graphql<{ infer: unknown }>(
      'mutation ($input: InferInput!) { infer(input: $input) { outputs { name } userErrors { code message field } } }',
      { input: { deployment: { name: 'digits' }, inputs: [{ ...PIXELS, shape: [0, 64], data: [] }] } },
    );
    expect(infer).toEqual({
      outputs: null,
      userErrors: [{ code: 'INVALID', message: expect.stringMatching(/^the model cannot compute this request: ./), field: ['input', 'inputs'] }],
    });
  });

  test('moves to a second version, and back, without a failed request', async () => {
    const version = await t.addVersion('digits');
    const traffic = load('digits');
    await deploy({ name: 'digits', targets: [{ model: 'digits', version }] });
    await t.phase('digits', 'READY');
    await traffic.more(10);
    await eventually(async () => (await replicasOf('digits')).filter((r) => r.state !== 'STOPPED').length === 1, 'the old replica has stopped', 30_000);
    const { rollback } = await t.graphql<{ rollback: { deployment: { generation: number }; userErrors: unknown[] } }>(
      'mutation ($input: RollbackInput!) { rollback(input: $input) { deployment { generation } userErrors { message } } }',
      { input: { deployment: { name: 'digits' } } },
    );
    expect(rollback).toEqual({ deployment: { generation: 3 }, userErrors: [] });
    await t.phase('digits', 'READY');
    await traffic.more(10);
    const { failures, versions } = await traffic.stop();
    expect(failures).toEqual([]);
    expect(versions).toEqual(new Set(['1', '2']));
  });

  test('scales up and down without a failed request', async () => {
    const scale = async (replicas: number): Promise<void> => {
      const { scale: answer } = await t.graphql<{ scale: { userErrors: unknown[] } }>(
        'mutation ($input: ScaleInput!) { scale(input: $input) { userErrors { message } } }',
        { input: { deployment: { name: 'digits' }, replicas } },
      );
      expect(answer.userErrors).toEqual([]);
      await t.phase('digits', 'READY');
      await eventually(async () => (await replicasOf('digits')).filter((r) => r.state !== 'STOPPED').length === replicas, `${replicas} replicas`, 30_000);
      await traffic.more(10);
    };
    const traffic = load('digits');
    await scale(3);
    await scale(1);
    const { failures } = await traffic.stop();
    expect(failures).toEqual([]);
  });

  test('replaces a killed replica, says how it ended, and lets no request fail that another replica could answer', async () => {
    const [before] = (await replicasOf('digits')).filter((r) => r.state === 'READY');
    const traffic = load('digits');
    await traffic.more(10);
    process.kill(before!.pid, 'SIGKILL');
    await eventually(async () => (await replicasOf('digits')).some((r) => r.state === 'READY' && r.id !== before!.id), 'another replica is READY', 60_000);
    await traffic.more(10);
    const { failures } = await traffic.stop();
    const dead = (await replicasOf('digits')).find((r) => r.id === before!.id);
    expect(dead).toMatchObject({
      state: 'FAILED',
      exitSignal: 'SIGKILL',
      reason: expect.stringContaining('SIGKILL'),
      logTail: expect.stringContaining('ready'),
    });
    // What was on its way through the only replica when it died is tried once more, and so answered; but one that was alone there may be
    // what killed it, and is told so. Whether one was alone at that moment is chance.
    expect(failures.filter((failure) => !/^502 .*the replica died while it worked on this request, and on nothing else/.test(failure))).toEqual([]);
    expect(failures.length).toBeLessThanOrEqual(1);
  });

  test('that is settled writes nothing, however often it is looked at', async () => {
    await t.phase('digits', 'READY');
    const state = (): Promise<unknown> =>
      t.database.dataSource.query(
        `SELECT (SELECT array_agg(xmin::text ORDER BY id) FROM deployment) d, (SELECT array_agg(xmin::text ORDER BY id) FROM replica) r, (SELECT max(sequence) FROM event) e, (SELECT version FROM route_table) v`,
      );
    await t.app.features.deployments.reconciler.settled(20_000);
    const before = await state();
    const [row] = (await t.database.dataSource.query(`SELECT id FROM deployment WHERE name = 'digits'`)) as { id: string }[];
    for (let i = 0; i < 5; i++) t.app.features.deployments.reconciler.enqueue(row!.id);
    await delay(500);
    expect(await state()).toEqual(before);
  });

  test('whose new version cannot start keeps serving the old one, and says why', async () => {
    const other = Buffer.concat([await readFile(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx')), Buffer.from([0x72, 0x00])]);
    const version = await t.addVersion('digits', other);
    const { createHash } = await import('node:crypto');
    const digest = createHash('sha256').update(other).digest('hex');
    await rm(join(t.home, 'artifacts', digest.slice(0, 2), digest));
    await deploy({ name: 'digits', targets: [{ model: 'digits', version }] });
    await t.phase('digits', 'FAILED');
    const { deployment } = await t.graphql<{
      deployment: {
        conditions: { type: string; status: string; message: string }[];
        rollouts: { nodes: { state: string; reason: string }[] };
        route: { generation: number };
      };
    }>('{ deployment(name: "digits") { conditions { type status message } rollouts(first: 1) { nodes { state reason } } route { generation } } }');
    expect(deployment.conditions.map(({ type, status }) => `${type} ${status}`)).toEqual(['Available TRUE', 'Progressing FALSE', 'Degraded TRUE']);
    expect(deployment.rollouts.nodes[0]).toMatchObject({ state: 'FAILED', reason: expect.stringContaining(digest) });
    expect((await t.infer('digits')).status).toBe(200);
    const { rollback } = await t.graphql<{ rollback: { userErrors: unknown[] } }>(
      'mutation { rollback(input: { deployment: { name: "digits" } }) { userErrors { message } } }',
    );
    expect(rollback.userErrors).toEqual([]);
    await t.phase('digits', 'READY');
  });

  test('survives its server: the next one adopts gateway and replicas, which answered all the while', async () => {
    const ready = async (): Promise<number[]> => (await replicasOf('digits')).filter((r) => r.state === 'READY').map((r) => r.pid);
    const before = await ready();
    const traffic = load('digits');
    await t.app.abandon();
    await traffic.more(10);
    await t.restart();
    await t.phase('digits', 'READY');
    await traffic.more(10);
    const { failures } = await traffic.stop();
    expect(failures).toEqual([]);
    expect(await ready()).toEqual(before);
  });

  test('is deleted: its route goes, its replicas stop, its name is free', async () => {
    const { deleteDeployment } = await t.graphql<{ deleteDeployment: { deployment: { phase: string }; userErrors: unknown[] } }>(
      'mutation { deleteDeployment(input: { deployment: { name: "digits" } }) { deployment { phase } userErrors { message } } }',
    );
    expect(deleteDeployment).toEqual({ deployment: { phase: 'DELETING' }, userErrors: [] });
    await eventually(
      async () => (await t.graphql<{ deployment: unknown }>('{ deployment(name: "digits") { id } }')).deployment === null,
      'the deployment is gone',
      30_000,
    );
    expect((await t.infer('digits')).status).toBe(404);
  });
});

test.each([
  ['a name that cannot be', { name: 'No Spaces', targets: [{ model: 'digits' }] }, 'INVALID', ['input', 'name']],
  ['no targets', { name: 'x' }, 'INVALID', ['input', 'targets']],
  ['an unknown project', { project: 'nowhere', name: 'x', targets: [{ model: 'digits' }] }, 'NOT_FOUND', ['input', 'project']],
  ['an unknown model', { name: 'x', targets: [{ model: 'nothing' }] }, 'NOT_FOUND', ['input', 'targets', '0', 'model']],
  ['an unknown version', { name: 'x', targets: [{ model: 'digits', version: 99 }] }, 'NOT_FOUND', ['input', 'targets', '0', 'version']],
  ['an id of something else', { name: 'x', targets: [{ versionId: 'bm9wZQ' }] }, 'INVALID', ['input', 'targets', '0', 'versionId']],
  ['no replicas', { name: 'x', targets: [{ model: 'digits' }], replicas: 0 }, 'INVALID', ['input', 'replicas']],
  ['only weights of 0', { name: 'x', targets: [{ model: 'digits', weight: 0 }] }, 'INVALID', ['input', 'targets']],
  [
    'a version twice',
    {
      name: 'x',
      targets: [
        { model: 'digits', version: 1 },
        { model: 'digits', version: 1 },
      ],
    },
    'INVALID',
    ['input', 'targets', '1'],
  ],
  ['a generation of what does not exist', { name: 'x', targets: [{ model: 'digits' }], expectedGeneration: 3 }, 'CONFLICT', ['input', 'expectedGeneration']],
  ['too little memory', { name: 'x', targets: [{ model: 'digits' }], memoryLimitBytes: '5' }, 'INVALID', ['input', 'memoryLimitBytes']],
])('deploy with %s is refused, and nothing is changed', async (_, input, code, field) => {
  const count = (): Promise<unknown> =>
    t.database.dataSource.query(
      'SELECT (SELECT count(*) FROM deployment) d, (SELECT count(*) FROM revision) r, (SELECT count(*) FROM audit_entry) a, (SELECT count(*) FROM event) e',
    );
  const before = await count();
  const { userErrors, deployment } = await deploy(input);
  expect(userErrors).toMatchObject([{ code, field }]);
  expect(deployment).toBeNull();
  expect(await count()).toEqual(before);
});
