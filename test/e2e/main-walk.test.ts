/**
 * From an empty home to a served model and back to nothing, with the real program and only its client: register, upload, deploy,
 * follow, infer, deploy again under load, roll back, scale, delete, stop.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, PilothouseError, type DeploymentChange, type DeploymentEvent, type PilothouseClient } from '@pilothouse/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { eventually } from '../support/eventually.js';
import { startProgram, type RunningProgram } from '../support/program.js';

const MODEL = join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx');
const { samples } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'lineage.json'), 'utf8')) as {
  samples: { label: number; values: number[] }[];
};
const [digit] = samples;
const request = { pixels: { data: Float32Array.from(digit!.values), shape: [1, 64] } };

let program: RunningProgram;
let client: PilothouseClient;

beforeAll(async () => {
  program = await startProgram({ PILOTHOUSE_SAMPLES: 'off', DATABASE_URL: '' });
  client = connect({ url: program.url, gatewayUrl: program.gatewayUrl, token: program.token });
}, 120_000);

afterAll(async () => {
  await client?.close();
  program?.clean();
});

/** Waits until a change is carried out; answers its events. */
async function settle(change: DeploymentChange): Promise<DeploymentEvent[]> {
  const events: DeploymentEvent[] = [];
  await client.ready(change, { signal: AbortSignal.timeout(60_000), seen: (event) => void events.push(event) });
  return events;
}

/** Sends requests without a pause while something happens: from before it begins until after it is over, however quick it is. */
async function underLoad<T>(act: () => Promise<T>): Promise<{ result: T; failures: string[]; versions: Set<string | undefined> }> {
  let on = true;
  let over = 0;
  const failures: string[] = [];
  const versions = new Set<string | undefined>();
  const loop = async (): Promise<void> => {
    while (on) {
      await client.infer('reader', request).then(
        ({ version }) => void versions.add(version),
        (error: unknown) => void failures.push(String(error)),
      );
      over++;
    }
  };
  const loops = [loop(), loop(), loop(), loop()];
  try {
    const more = (count: number): Promise<unknown> => ((until) => eventually(() => over >= until, `${count} more requests`, 60_000))(over + count);
    await more(10);
    const result = await act();
    await more(10);
    return { result, failures, versions };
  } finally {
    on = false;
    await Promise.all(loops);
  }
}

const phases = (events: readonly DeploymentEvent[]): string[] => events.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1]);

describe('the main walk', { timeout: 90_000 }, () => {
  test('a model is registered and its file uploaded, once', async () => {
    expect(await client.createModel({ name: 'reader', description: 'reads handwriting' })).toMatchObject({ name: 'reader' });
    const first = await client.uploadArtifact(MODEL);
    expect(first).toMatchObject({ uploaded: true, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await client.uploadArtifact(MODEL)).toEqual({ ...first, uploaded: false });
    expect(await client.uploadArtifact(readFileSync(MODEL))).toEqual({ ...first, uploaded: false });
  });

  test('a version is validated, and says what it takes and gives', async () => {
    const created = await client.createVersion({ model: 'reader', files: [MODEL], lineage: { metrics: { accuracy: 0.97 } } });
    expect(created).toMatchObject({ number: 1, format: 'onnx' });
    const version = await client.waitForVersion(created, { signal: AbortSignal.timeout(60_000) });
    expect(version.state).toBe('READY');
    expect(version.signature!.inputs).toEqual([{ name: 'pixels', datatype: 'FP32', shape: [-1, 64] }]);
    expect(version.signature!.outputs.map(({ name, datatype }) => [name, datatype])).toEqual([
      ['label', 'INT64'],
      ['probabilities', 'FP32'],
    ]);
  });

  test("a file that is no model is REJECTED, with the runtime's own words", async () => {
    await client.createModel({ name: 'broken' });
    const version = await client.createVersion({ model: 'broken', files: [{ path: 'model.onnx', from: Buffer.from('not a model') }] });
    const attempt = client.waitForVersion(version, { signal: AbortSignal.timeout(60_000) });
    await expect(attempt).rejects.toMatchObject({ name: 'PilothouseError', code: 'FAILED_PRECONDITION', message: expect.stringMatching(/REJECTED: .{10}/) });
  });

  test('what the caller got wrong is an error with its code and field', async () => {
    const twice = client.createModel({ name: 'reader' });
    await expect(twice).rejects.toBeInstanceOf(PilothouseError);
    await expect(twice).rejects.toMatchObject({ code: 'ALREADY_EXISTS', userErrors: [{ code: 'ALREADY_EXISTS', field: ['input', 'name'] }] });
    await expect(client.infer('nobody', request)).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 });
    const stranger = connect({ url: program.url, gatewayUrl: program.gatewayUrl, token: 'wrong' });
    await expect(stranger.deployment('reader')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(stranger.follow('reader', { after: 'x' }).next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('it is deployed, every step is told in order, and it answers', async () => {
    const change = await client.deploy({ name: 'reader', targets: [{ model: 'reader', version: 1 }], expectedGeneration: 0 });
    const events = await settle(change);
    expect(phases(events)).toEqual(['PENDING', 'STARTING', 'LOADING', 'READY']);
    expect(new Set(events.map(({ cursor }) => cursor)).size).toBe(events.length);
    const { outputs, version } = await client.infer('reader', request, { id: 'a1' });
    expect(version).toBe('1');
    expect(outputs['label']).toMatchObject({ datatype: 'INT64', shape: [1], data: new BigInt64Array([BigInt(digit!.label)]) });
    expect(outputs['probabilities']!.shape).toEqual([1, 10]);
  });

  test('what changes nothing is ready as well, and so is a repetition: its steps are told again', async () => {
    const input = { name: 'reader', targets: [{ model: 'reader', version: 1 }], idempotencyKey: 'the-same-key' };
    const first = await settle(await client.deploy(input));
    expect(first.at(-1)).toMatchObject({ phase: 'READY', generation: 1 });
    expect(await settle(await client.deploy(input))).toEqual(first);
    expect(await settle(await client.scale('reader', 1))).toEqual(first);
  });

  test('gateway and control plane give the same numbers', async () => {
    const [direct, through] = [await client.infer('reader', request), await client.inferThroughApi('reader', request)];
    expect(through.version).toBe(1);
    expect(through.outputs).toEqual(direct.outputs);
    const { outputs } = await client.infer('reader', request, { outputs: ['label'] });
    expect(Object.keys(outputs)).toEqual(['label']);
  });

  test('a second version takes over under load, and not one request fails', async () => {
    const version = await client.createVersion({ model: 'reader', files: [MODEL], description: 'trained again' });
    await client.waitForVersion(version);
    const { result, failures, versions } = await underLoad(async () => {
      const change = await client.deploy({ name: 'reader', targets: [{ versionId: version.id }], expectedGeneration: 1, reason: 'better' });
      return settle(change);
    });
    expect(result.at(-1)).toMatchObject({ phase: 'READY', generation: 2 });
    expect(failures).toEqual([]);
    expect(versions).toEqual(new Set(['1', '2']));
    expect((await client.infer('reader', request)).version).toBe('2');
  });

  test('a change from an old reading is a CONFLICT, and changes nothing', async () => {
    const before = await client.deployment('reader');
    await expect(client.deploy({ name: 'reader', replicas: 3, expectedGeneration: 1 })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await client.deployment('reader')).toEqual(before);
  });

  test('it scales out and back in under load', async () => {
    const { failures } = await underLoad(async () => {
      await settle(await client.scale('reader', 2));
      await settle(await client.scale('reader', 1));
    });
    expect(failures).toEqual([]);
    expect((await client.deployment('reader'))!.spec.replicas).toBe(1);
  });

  test('a rollback brings the first version back under load', async () => {
    const { failures } = await underLoad(async () => settle(await client.rollback('reader', { toRevision: 1, reason: 'worse after all' })));
    expect(failures).toEqual([]);
    expect((await client.infer('reader', request)).version).toBe('1');
    expect((await client.deployment('reader'))!.targets).toMatchObject([{ version: { number: 1 } }]);
  });

  test('whoever follows later, from the first cursor on, sees the same steps again', async () => {
    const query = 'query { deployment(name: "reader") { events(first: 100) { nodes { cursor type } } } }';
    const { deployment } = await client.request<{ deployment: { events: { nodes: { cursor: string; type: string }[] } } }, object>(query);
    const recorded = deployment.events.nodes;
    const seen: string[] = [];
    for await (const event of client.follow('reader', { after: recorded[0]!.cursor, signal: AbortSignal.timeout(30_000) })) {
      seen.push(event.cursor);
      if (seen.length === recorded.length - 1) break;
    }
    expect(seen).toEqual(recorded.slice(1).map(({ cursor }) => cursor));
  });

  test('it is deleted, and its name is free', async () => {
    const { eventCursor: before } = await client.request<{ eventCursor: string }, object>('{ eventCursor }');
    const change = await client.deleteDeployment('reader', { reason: 'the walk is over' });
    expect((await client.ready(change, { signal: AbortSignal.timeout(60_000) })).phase).toBe('DELETED');
    await expect(client.infer('reader', request)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await client.deployment('reader')).toBeNull();
    // Whoever comes back by its name, behind what they saw last, is told of its end.
    const missed: string[] = [];
    for await (const { phase } of client.follow('reader', { after: before, signal: AbortSignal.timeout(30_000) })) missed.push(phase);
    expect(missed.at(-1)).toBe('DELETED');
    await expect(client.follow('reader').next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('SIGTERM ends everything, and nothing is left', async () => {
    await client.close();
    expect(await program.stop('SIGTERM')).toBe(0);
    await expect.poll(() => program.processes(), { timeout: 15_000 }).toEqual([]);
    expect(program.files()).toEqual([]);
  });
});
