/** The TypeScript client's methods against the whole program: lists, logs, monitors, configuration, uploads, and signals that end each of them. */
import { randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type PilothouseClient } from '../../clients/typescript/src/index.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
let client: PilothouseClient;

beforeAll(async () => {
  app = await startTestApp();
  client = connect({ url: app.app.endpoints.control, gatewayUrl: app.app.endpoints.http, token: app.token });
  for (const description of ['first', 'second']) {
    const number = await app.addVersion('reader');
    await client.ready(await client.deploy({ name: 'reader', targets: [{ model: 'reader', version: number }], reason: description }));
  }
}, 120_000);
afterAll(async () => {
  await client?.close();
  await app?.close();
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('lists', () => {
  test('read page after page, in order', async () => {
    await client.createProject({ name: 'vision' });
    await client.createModel({ name: 'other' });
    const pages = { pageSize: 1 };
    expect((await all(client.projects(pages))).map(({ name }) => name).sort()).toEqual(['default', 'vision']);
    expect((await all(client.models(pages))).map(({ name }) => name).sort()).toEqual(['other', 'reader']);
    expect(await all(client.models({ project: 'vision' }))).toEqual([]);
    expect((await all(client.versions('reader', pages))).map(({ number }) => number)).toEqual([2, 1]);
    expect((await all(client.deployments(pages))).map(({ name, project }) => `${project.name}/${name}`)).toEqual(['default/reader']);
    expect(await all(client.deployments({ project: 'vision' }))).toEqual([]);
    expect((await all(client.revisions('reader', pages))).map(({ number, reason }) => [number, reason])).toEqual([
      [2, 'second'],
      [1, 'first'],
    ]);
    expect((await all(client.tokens(pages))).map(({ name }) => name)).toEqual(['admin']);
    const actions = (await all(client.auditEntries({ actor: 'token:admin', ...pages }))).map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(['createProject', 'deploy']));
    expect(actions.length).toBeGreaterThan(5);
  });

  test('ask for nothing more than is taken', async () => {
    let asked = 0;
    const counted = connect({ url: client.url, token: app.token });
    const request = counted.request.bind(counted);
    counted.request = (...args) => (asked++, request(...args)) as never;
    for await (const { number } of counted.versions('reader', { pageSize: 1 })) {
      expect(number).toBe(2);
      break;
    }
    expect(asked).toBe(1);
    await counted.close();
  });

  test('of a deployment that is not there are NOT_FOUND', async () => {
    await expect(client.revisions('nothing').next()).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'there is no deployment "nothing"' });
    await expect(client.monitors({ id: 'x' }).next()).rejects.toMatchObject({ name: 'PilothouseError' });
  });
});

test('monitors and alert rules are made, changed and deleted', async () => {
  const monitor = await client.createMonitor({ deployment: 'reader', name: 'slow', metric: 'LATENCY', cron: '0 0 1 1 *' });
  const rule = await client.createAlertRule({ monitor: monitor.id, name: 'too-slow', threshold: 200 });
  expect(await client.updateMonitor({ id: monitor.id, quantile: 0.5, windowMs: 60_000 })).toMatchObject({ quantile: 0.5, windowMs: 60_000, cron: '0 0 1 1 *' });
  expect(await client.updateAlertRule({ id: rule.id, severity: 'CRITICAL', threshold: 300 })).toMatchObject({ severity: 'CRITICAL', threshold: 300 });
  await expect(client.updateAlertRule({ id: rule.id, consecutiveRuns: 0 })).rejects.toMatchObject({ code: 'INVALID' });
  expect(await client.runMonitor(monitor.id)).toMatchObject({ state: 'NO_DATA' });
  expect(await all(client.monitors('reader', { pageSize: 1 }))).toMatchObject([{ name: 'slow', alertRules: { nodes: [{ threshold: 300 }] } }]);
  expect(await all(client.alerts({ deployment: 'reader' }))).toEqual([]);
  await client.deleteAlertRule(rule.id);
  await client.deleteMonitor(monitor.id);
  expect(await all(client.monitors('reader'))).toEqual([]);
});

test('a scaling policy is set, its decisions are listed, and it is deleted', async () => {
  expect(await client.setScalingPolicy({ deployment: 'reader', minReplicas: 1, maxReplicas: 2, targetInFlight: 4 })).toMatchObject({ maxReplicas: 2 });
  expect(await all(client.scalingDecisions('reader'))).toBeInstanceOf(Array);
  await client.deleteScalingPolicy('reader');
  await expect(client.deleteScalingPolicy('reader')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a configuration is applied once, and exported', async () => {
  const document = { kind: 'Model', name: 'churn', description: 'who leaves' };
  expect(await client.applyConfig([document], { dryRun: true })).toMatchObject([
    { kind: 'Model', name: 'churn', action: 'CREATE', field: 'description', after: 'who leaves' },
  ]);
  expect(await client.exportConfig()).not.toContainEqual(expect.objectContaining({ name: 'churn' }));
  await client.applyConfig([document], { reason: 'as files' });
  expect(await client.applyConfig([document])).toEqual([]);
  expect(await client.exportConfig({ project: 'default' })).toContainEqual({ ...document, project: 'default' });
  await expect(client.applyConfig([{ kind: 'Modle' }])).rejects.toMatchObject({ code: 'INVALID' });
});

test('why says what serves', async () => {
  expect(await client.why('reader')).toMatchObject({ serving: [{ version: 'reader:2', weight: 100 }], actor: 'token:admin', reason: 'second', problems: [] });
});

test('lines of logs are read, and followed as they are written', async () => {
  const { replicas } = (
    await app.graphql<{ deployment: { replicas: { nodes: { id: string; state: string }[] } } }>(
      '{ deployment(name: "reader") { replicas(first: 10) { nodes { id state } } } }',
    )
  ).deployment;
  const { id } = replicas.nodes.find(({ state }) => state === 'READY')!;
  // Behind what the replica itself wrote, in its own file.
  const [, file] = Buffer.from(id, 'base64url').toString().split(':');
  const write = (text: string): void => appendFileSync(join(app.home, 'logs', 'replicas', `${file}.log`), `${text}\n`);
  write('Error: before');
  const page = await client.logs('reader');
  expect(page.lines.at(-1)).toMatchObject({ replicaId: id, text: 'Error: before', level: 'ERROR' });
  expect((await client.logs({ replica: id }, { filter: 'BEFORE', first: 1 })).lines).toMatchObject([{ text: 'Error: before' }]);
  const ending = new AbortController();
  const lines = client.followLogs({ replica: id }, { signal: ending.signal });
  const first = lines.next();
  // From now on: the cursor is read before the line is written.
  let numbered = 0;
  const writing = setInterval(() => write(`after ${++numbered}`), 20);
  try {
    expect((await first).value).toMatchObject({ text: expect.stringMatching(/^after \d+$/) });
  } finally {
    clearInterval(writing);
  }
  ending.abort();
  // Lines that have arrived are still told; then it ends.
  for (const { text } of await all(lines)) expect(text).toMatch(/^after \d+$/);
  expect((await all(until(client.followLogs('reader', { after: page.endCursor, filter: 'after 1' }), 'after 1'))).map(({ text }) => text)).toEqual(['after 1']);
});

async function* until<T extends { readonly text: string }>(lines: AsyncIterable<T>, last: string): AsyncGenerator<T> {
  for await (const line of lines) {
    yield line;
    if (line.text === last) return;
  }
}

describe('uploads', () => {
  const BYTES = 3 * 2 ** 20 + 5;

  test.each(['bytes', 'a Blob', 'a file'])('tell how far they are: %s', async (kind) => {
    const bytes = randomBytes(BYTES);
    const path = join(app.home, 'upload.bin');
    writeFileSync(path, bytes);
    const source = kind === 'bytes' ? bytes : kind === 'a Blob' ? new Blob([bytes]) : path;
    const seen: number[] = [];
    const { sizeBytes, uploaded } = await client.uploadArtifact(source, { seen: (sent, total) => seen.push(sent) && expect(total).toBe(BYTES) });
    expect({ sizeBytes, uploaded }).toEqual({ sizeBytes: BYTES, uploaded: true });
    expect(seen.length).toBeGreaterThan(3);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(BYTES);
    expect((await client.uploadArtifact(bytes)).uploaded).toBe(false);
  });

  test('of a version name the file', async () => {
    const seen = new Set<string>();
    const files = ['a', 'b'].map((path) => ({ path, from: randomBytes(10) }));
    await client.createModel({ name: 'named' });
    await client.createVersion(
      { model: 'named', files, format: 'onnx' },
      { seen: ({ path, sentBytes, totalBytes }) => seen.add(`${path} ${sentBytes}/${totalBytes}`) },
    );
    expect([...seen]).toEqual(['a 10/10', 'b 10/10']);
  });

  test('end in the middle with their signal, and an empty file is one', async () => {
    const ending = new AbortController();
    const bytes = randomBytes(BYTES);
    const upload = client.uploadArtifact(bytes, { signal: ending.signal, seen: () => ending.abort(new Error('enough')) });
    await expect(upload).rejects.toThrow('enough');
    expect((await client.uploadArtifact(bytes)).uploaded).toBe(true);
    expect(await client.uploadArtifact(new Uint8Array())).toMatchObject({ sizeBytes: 0, uploaded: true });
  });
});

describe('a signal ends', () => {
  /** Takes requests and never answers one. */
  let silent: Server;
  let far: PilothouseClient;
  const arrived = (): Promise<unknown> => new Promise((resolve) => silent.once('request', resolve));
  beforeAll(async () => {
    silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    far = connect({ url, gatewayUrl: url, token: 't' });
  });
  afterAll(async () => {
    await far.close();
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  const ID = { id: 'x' };
  const METHODS: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
    alerts: (signal) => far.alerts({ signal }).next(),
    applyConfig: (signal) => far.applyConfig([], { signal }),
    auditEntries: (signal) => far.auditEntries({ signal }).next(),
    createAlertRule: (signal) => far.createAlertRule({ monitor: 'x', name: 'x', threshold: 1 }, { signal }),
    createModel: (signal) => far.createModel({ name: 'x' }, { signal }),
    createMonitor: (signal) => far.createMonitor({ deployment: 'x', name: 'x', cron: 'x', metric: 'LATENCY' }, { signal }),
    createProject: (signal) => far.createProject({ name: 'x' }, { signal }),
    createVersion: (signal) => far.createVersion({ model: 'x', files: [{ path: 'x', from: randomBytes(1) }] }, { signal }),
    deleteAlertRule: (signal) => far.deleteAlertRule('x', { signal }),
    deleteDeployment: (signal) => far.deleteDeployment('x', {}, { signal }),
    deleteMonitor: (signal) => far.deleteMonitor('x', { signal }),
    deleteScalingPolicy: (signal) => far.deleteScalingPolicy('x', { signal }),
    deploy: (signal) => far.deploy({ name: 'x' }, { signal }),
    deployment: (signal) => far.deployment('x', { signal }),
    deployments: (signal) => far.deployments({ signal }).next(),
    eventCursor: (signal) => far.eventCursor({ signal }),
    exportConfig: (signal) => far.exportConfig({ signal }),
    follow: (signal) => far.follow('x', { signal }).next(),
    followAlerts: (signal) => far.followAlerts({}, { signal }).next(),
    followLogs: (signal) => far.followLogs('x', { signal }).next(),
    infer: (signal) => far.infer('x', {}, { signal }),
    inferThroughApi: (signal) => far.inferThroughApi('x', {}, { signal }),
    logs: (signal) => far.logs('x', { signal }),
    models: (signal) => far.models({ signal }).next(),
    monitors: (signal) => far.monitors(ID, { signal }).next(),
    projects: (signal) => far.projects({ signal }).next(),
    request: (signal) => far.request('{ x }', {}, signal),
    revisions: (signal) => far.revisions(ID, { signal }).next(),
    rollback: (signal) => far.rollback('x', {}, { signal }),
    runMonitor: (signal) => far.runMonitor('x', { signal }),
    scale: (signal) => far.scale('x', 1, {}, { signal }),
    scalingDecisions: (signal) => far.scalingDecisions(ID, { signal }).next(),
    setScalingPolicy: (signal) => far.setScalingPolicy({ deployment: 'x', maxReplicas: 1, targetInFlight: 1 }, { signal }),
    tokens: (signal) => far.tokens({ signal }).next(),
    updateAlertRule: (signal) => far.updateAlertRule(ID, { signal }),
    updateMonitor: (signal) => far.updateMonitor(ID, { signal }),
    uploadArtifact: (signal) => far.uploadArtifact(randomBytes(1), { signal }),
    version: (signal) => far.version('x', { signal }),
    versions: (signal) => far.versions('x', { signal }).next(),
    waitForVersion: (signal) => far.waitForVersion('x', { signal }),
    why: (signal) => far.why('x', { signal }),
  };

  test.each(Object.keys(METHODS))('%s', async (name) => {
    const ending = new AbortController();
    const came = arrived();
    const call = METHODS[name]!(ending.signal);
    await Promise.race([came, call]);
    ending.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });

  test('every method', () => {
    // `ready` follows and reads as the others do; its own test is in the walk.
    const methods = new Set<string>();
    for (let type = Object.getPrototypeOf(far) as object; type !== Object.prototype; type = Object.getPrototypeOf(type) as object)
      for (const name of Object.getOwnPropertyNames(type)) methods.add(name);
    for (const name of ['constructor', 'close', 'ready', 'idOf', 'list', 'followDocument']) methods.delete(name);
    expect(Object.keys(METHODS).sort()).toEqual([...methods].sort());
  });
});
