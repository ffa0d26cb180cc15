/** Texts that take long to read or to write: nobody else waits for them, and no text brings the gateway down. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
import { samplesOf } from '../support/promtool.js';
import { identityModel } from '../support/models/onnx.js';

// Texts are read by a process that gives way to all others.
vi.setConfig({ testTimeout: 120_000 });

let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  const types = ['FP32', 'BYTES', 'INT64'] as const;
  const replicas = await Promise.all(types.map((type) => bench.replica(onnx(identityModel(type, ['n'])))));
  const routes = replicas.map((replica, i) => routeOf([targetOf([replica])], { name: types[i]!.toLowerCase() }));
  await publish(db.url, [...routes, routeOf([targetOf([replicas[0]!])], { name: 'hasty', timeoutMs: 500 })]);
  gateway = await bench.gateway(db.url);
}, 60_000);
afterAll(async () => {
  await bench.close();
  await db.drop();
});

/** Longer than what is read and written between other requests, by far. */
const COUNT = 100_000;
const floats = Array.from({ length: COUNT }, (_, i) => Math.fround((i - COUNT / 2) / 7));
const asked = (name: string, datatype: string, data: readonly unknown[]) => ({ inputs: [{ name, datatype, shape: [data.length], data }] });

async function post(path: string, body: string, headers: Record<string, string> = {}, signal?: AbortSignal) {
  const response = await fetch(gateway.url + path, { method: 'POST', body, headers, ...(signal && { signal }) });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Record<string, unknown> };
}

const processes = (): string => execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' });

/** The processes that read long texts for a gateway: one for what is long, one for the longest. */
const textProcesses = ({ process: { pid } }: TestGateway): number[] =>
  [...processes().matchAll(new RegExp(`^\\s*(\\d+)\\s+${pid} pilothouse-text`, 'gm'))].map(([, found]) => Number(found));
const isGone = (pid: number): boolean => !new RegExp(`^\\s*${pid}\\s`, 'm').test(processes());

/** Ends those that are idle: the next that is seen is at work. Resolves when they are gone. */
async function endIdle(): Promise<void> {
  for (const idle of textProcesses(gateway)) {
    process.kill(idle, 'SIGKILL');
    await eventually(() => isGone(idle), 'the end of an idle process');
  }
}

/** Has the only process there is stand still, as long as the gateway lets it: what it works on takes as long as the others do. */
async function standStill(): Promise<number> {
  const working = await eventually(() => textProcesses(gateway)[0], 'a process that reads');
  process.kill(working, 'SIGSTOP');
  return working;
}

/** 25 MB of what is no request: seconds of work. */
const HOSTILE = `[${'{},'.repeat(8_000_000)}1]`;

/** 0 for one that is gone. */
function memoryKiB(pid: number): number {
  const [, rss] = new RegExp(`^\\s*${pid}\\s+(\\d+)`, 'm').exec(execFileSync('ps', ['-eo', 'pid=,rss='], { encoding: 'utf8' })) ?? [];
  return Number(rss ?? 0);
}

const inputName = async (model: string): Promise<string> => {
  const { inputs } = (await (await fetch(`${gateway.url}/v2/models/${model}`)).json()) as { inputs: { name: string }[] };
  return inputs[0]!.name;
};

test('answers are the same, to the last bit, in every form', async () => {
  const x = await inputName('fp32');
  const open = await post('/v2/models/fp32/infer', JSON.stringify({ id: 'long', ...asked(x, 'FP32', floats) }));
  expect(open).toMatchObject({ status: 200, body: { id: 'long', model_version: '1', outputs: [{ shape: [COUNT], datatype: 'FP32' }] } });
  expect((open.body['outputs'] as { data: number[] }[])[0]!.data.map(Math.fround)).toEqual(floats);
  const columns = await post('/v1/models/fp32:predict', JSON.stringify({ inputs: floats }));
  expect((columns.body['outputs'] as number[]).map(Math.fround)).toEqual(floats);
  const rows = await post('/deployments/fp32/invocations', JSON.stringify({ instances: floats }), { 'content-type': 'application/json' });
  expect((rows.body['predictions'] as number[]).map(Math.fround)).toEqual(floats);
  const csv = await post('/deployments/fp32/invocations', `${x}\n${floats.join('\n')}`, { 'content-type': 'text/csv' });
  expect((csv.body['predictions'] as number[]).map(Math.fround)).toEqual(floats);
  const words = floats.map((value) => `é ${value}`);
  const bytes = await post('/v2/models/bytes/infer', JSON.stringify(asked(await inputName('bytes'), 'BYTES', words)));
  expect((bytes.body['outputs'] as { data: string[] }[])[0]!.data).toEqual(words);
  const long = Array.from({ length: COUNT }, (_, i) => 2n ** 62n + BigInt(i));
  const integers = await post(
    '/v2/models/int64/infer',
    `{"inputs":[{"name":"${await inputName('int64')}","datatype":"INT64","shape":[${COUNT}],"data":[${long.join()}]}]}`,
  );
  expect(integers.text).toContain(`"data":[${long.join()}]`);
  expect(textProcesses(gateway)).not.toEqual([]);
});

test('a long text with a binary answer, and a short one with a long answer that is compressed', async () => {
  const x = await inputName('fp32');
  const binary = await fetch(`${gateway.url}/v2/models/fp32/infer`, {
    method: 'POST',
    body: JSON.stringify({ ...asked(x, 'FP32', floats), parameters: { binary_data_output: true } }),
  });
  const head = Number(binary.headers.get('inference-header-content-length'));
  const bytes = Buffer.from(await binary.arrayBuffer());
  expect(JSON.parse(bytes.toString('utf8', 0, head))).toMatchObject({ outputs: [{ parameters: { binary_data_size: 4 * COUNT } }] });
  expect([...new Float32Array(new Uint8Array(bytes.subarray(head)).buffer)]).toEqual(floats);
  const header = JSON.stringify({ inputs: [{ name: x, datatype: 'FP32', shape: [COUNT], parameters: { binary_data_size: 4 * COUNT } }] });
  const text = await fetch(`${gateway.url}/v2/models/fp32/infer`, {
    method: 'POST',
    body: Buffer.concat([Buffer.from(header), Buffer.from(Float32Array.from(floats).buffer)]),
    headers: { 'inference-header-content-length': String(header.length), 'accept-encoding': 'gzip' },
  });
  expect([text.headers.get('content-encoding'), text.headers.get('content-type')]).toEqual(['gzip', 'application/json']);
  expect(((await text.json()) as { outputs: { data: number[] }[] }).outputs[0]!.data.map(Math.fround)).toEqual(floats);
});

test('classes of a large tensor are found beside the gateway, whatever form they are answered in', async () => {
  const x = await inputName('fp32');
  await endIdle();
  const output = { name: 'y', parameters: { classification: 2, binary_data: true } };
  const header = JSON.stringify({
    inputs: [{ name: x, datatype: 'FP32', shape: [COUNT], parameters: { binary_data_size: 4 * COUNT } }],
    outputs: [output],
  });
  const answer = await fetch(`${gateway.url}/v2/models/fp32/infer`, {
    method: 'POST',
    body: Buffer.concat([Buffer.from(header), Buffer.from(Float32Array.from(floats).buffer)]),
    headers: { 'inference-header-content-length': String(header.length) },
  });
  const head = Number(answer.headers.get('inference-header-content-length'));
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(JSON.parse(bytes.toString('utf8', 0, head))).toMatchObject({ outputs: [{ shape: [2], datatype: 'BYTES' }] });
  expect(bytes.subarray(head + 4).toString()).toMatch(/^7142\.714\d{3}:99999.{4}7142\.571\d{3}:99998$/s);
  expect(textProcesses(gateway)).not.toEqual([]);
});

test('what is wrong in a long text is told as in a short one', async () => {
  const x = await inputName('fp32');
  const wrong = floats.map((value, i) => (i === 77_777 ? 'no number' : value));
  const expected = { status: 400, body: { error: expect.stringMatching(/^inputs\[0\] "\w+": element 77777 of the data is "no number"/) as string } };
  expect(await post('/v2/models/fp32/infer', JSON.stringify(asked(x, 'FP32', wrong)))).toMatchObject(expected);
  expect(await post('/v2/models/fp32/infer', `[${'{},'.repeat(50_000)}1]`)).toMatchObject({
    status: 400,
    body: { error: 'the request must be an object, not an array' },
  });
  expect(await post('/v2/models/nobody/infer', JSON.stringify(asked(x, 'FP32', floats)))).toMatchObject({ status: 404 });
  const bytes = asked(await inputName('bytes'), 'BYTES', new Array(1_100_000).fill(''));
  expect(await post('/v2/models/bytes/infer', JSON.stringify(bytes))).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining('1100000 BYTES elements; the limit is 1048576') as string },
  });
});

test('nobody waits for a long text, and one who leaves takes its process along', async () => {
  const x = await inputName('fp32');
  await endIdle();
  const leaving = new AbortController();
  let over = false;
  const long = post('/v2/models/fp32/infer', HOSTILE, {}, leaving.signal).then(
    () => (over = true),
    () => 'left',
  );
  const reading = await standStill();
  for (let i = 0; i < 20; i++) expect(await post('/v2/models/fp32/infer', JSON.stringify(asked(x, 'FP32', [i])))).toMatchObject({ status: 200 });
  // Nor who asks for nobody, or for no version that there is; nor who sends what is long, but not of the longest.
  const longest = JSON.stringify(asked(x, 'FP32', floats));
  expect(await post('/v2/models/nobody/infer', longest)).toMatchObject({ status: 404 });
  expect(await post('/v2/models/fp32/versions/7/infer', longest)).toMatchObject({
    status: 404,
    body: { error: expect.stringContaining('version 7') as string },
  });
  expect(await post('/v2/models/fp32/infer', JSON.stringify(asked(x, 'FP32', floats.slice(0, 10_000))))).toMatchObject({ status: 200 });
  expect(over).toBe(false);
  leaving.abort();
  expect(await long).toBe('left');
  await eventually(() => isGone(reading), 'the end of the process');
  expect(await post('/v2/models/fp32/infer', longest)).toMatchObject({ status: 200 });
});

test('a text that waits is given up at its deadline, and counted as late', async () => {
  const x = await inputName('fp32');
  await endIdle();
  const leaving = new AbortController();
  const left = post('/v2/models/fp32/infer', HOSTILE, {}, leaving.signal).catch(() => 'left');
  await standStill();
  const longest = JSON.stringify(asked(x, 'FP32', floats));
  expect(await post('/v2/models/hasty/infer', longest)).toMatchObject({
    status: 504,
    body: { error: 'the deadline of 500 ms passed while the text of the request waited to be read' },
  });
  leaving.abort();
  expect(await left).toBe('left');
  const counted = samplesOf(await (await fetch(`${gateway.url}/metrics`)).text(), 'pilothouse_inference_requests_total');
  const of = (outcome: string) => counted.find(({ labels }) => labels['deployment'] === 'hasty' && labels['outcome'] === outcome)!.value;
  expect([of('deadline_exceeded'), of('invalid'), of('success')]).toEqual([1, 0, 0]);
});

test('a long string is written beside the gateway, though it is one element', async () => {
  const s = await inputName('bytes');
  await endIdle();
  const text = '\u0001é'.repeat(100_000);
  const data = Buffer.from(text);
  const packed = Buffer.alloc(4 + data.length);
  packed.writeUInt32LE(data.length);
  packed.set(data, 4);
  const header = JSON.stringify({ inputs: [{ name: s, datatype: 'BYTES', shape: [1], parameters: { binary_data_size: packed.length } }] });
  const answer = await fetch(`${gateway.url}/v2/models/bytes/infer`, {
    method: 'POST',
    body: Buffer.concat([Buffer.from(header), packed]),
    headers: { 'inference-header-content-length': String(header.length) },
  });
  expect(((await answer.json()) as { outputs: { data: string[] }[] }).outputs[0]!.data).toEqual([text]);
  expect(textProcesses(gateway)).not.toEqual([]);
});

test('a text that kills the process that reads it is refused, and the next is read', async () => {
  const x = await inputName('fp32');
  await endIdle();
  const long = post('/v2/models/fp32/infer', HOSTILE);
  // It has begun with the text: it holds more of it than has come.
  const reading = await eventually(() => textProcesses(gateway).find((pid) => memoryKiB(pid) > 200_000), 'a process that reads');
  const waiting = post('/v2/models/fp32/infer', JSON.stringify(asked(x, 'FP32', floats)));
  process.kill(reading, 'SIGKILL');
  expect(await long).toMatchObject({
    status: 400,
    body: {
      error: expect.stringMatching(/^the text of the request needs more than 1024 MB of memory, or makes its process fail \(it ended with SIGKILL\)/) as string,
    },
  });
  expect(await waiting).toMatchObject({ status: 200 });
});

test('a gateway that leaves takes it along', async () => {
  const other = await bench.gateway(db.url);
  const body = JSON.stringify(asked(await inputName('fp32'), 'FP32', floats));
  expect((await other.infer('fp32', body)).status).toBe(200);
  const reading = textProcesses(other);
  expect(reading).not.toEqual([]);
  await other.kill();
  await eventually(() => reading.every(isGone), 'the end of the processes');
});
