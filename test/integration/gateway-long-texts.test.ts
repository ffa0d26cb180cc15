/** Texts that take long to read or to write: nobody else waits for them, and no text brings the gateway down. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { GatewayBench, onnx, publish, routeOf, targetOf, type TestGateway } from '../support/gateway.js';
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
  await publish(
    db.url,
    replicas.map((replica, i) => routeOf([targetOf([replica])], { name: types[i]!.toLowerCase() })),
  );
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

/** The process that reads long texts for a gateway. */
const textProcess = ({ process: { pid } }: TestGateway): number | undefined => {
  const [, found] = new RegExp(`^\\s*(\\d+)\\s+${pid} pilothouse-text`, 'm').exec(processes()) ?? [];
  return found === undefined ? undefined : Number(found);
};
const isGone = (pid: number): boolean => !new RegExp(`^\\s*${pid}\\s`, 'm').test(processes());

/** Ends one that is idle: the next that is seen is at work. Resolves when the gateway has noticed. */
async function endIdle(): Promise<void> {
  const idle = textProcess(gateway);
  if (idle === undefined) return;
  process.kill(idle, 'SIGKILL');
  await eventually(() => isGone(idle), 'the end of an idle process');
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
  expect(textProcess(gateway)).toBeDefined();
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
  expect(textProcess(gateway)).toBeDefined();
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
  // 25 MB of what is no request: seconds of work.
  const hostile = `[${'{},'.repeat(8_000_000)}1]`;
  const leaving = new AbortController();
  let over = false;
  const long = post('/v2/models/fp32/infer', hostile, {}, leaving.signal).then(
    () => (over = true),
    () => 'left',
  );
  const reading = await eventually(() => textProcess(gateway), 'a process that reads');
  // It takes as long as the others do.
  process.kill(reading, 'SIGSTOP');
  for (let i = 0; i < 20; i++) expect(await post('/v2/models/fp32/infer', JSON.stringify(asked(x, 'FP32', [i])))).toMatchObject({ status: 200 });
  expect(over).toBe(false);
  leaving.abort();
  expect(await long).toBe('left');
  await eventually(() => isGone(reading), 'the end of the process');
  expect(await post('/v2/models/fp32/infer', JSON.stringify(asked(x, 'FP32', floats)))).toMatchObject({ status: 200 });
});

test('a text that kills the process that reads it is refused, and the next is read', async () => {
  const x = await inputName('fp32');
  await endIdle();
  const long = post('/v2/models/fp32/infer', `[${'{},'.repeat(8_000_000)}1]`);
  const reading = await eventually(() => textProcess(gateway), 'a process that reads');
  const waiting = post('/v2/models/fp32/infer', JSON.stringify(asked(x, 'FP32', floats)));
  process.kill(reading, 'SIGKILL');
  expect(await long).toMatchObject({
    status: 400,
    body: {
      error: expect.stringMatching(
        /^the text of the request takes more than 1024 MB of memory, or cannot be worked on \(the process ended: SIGKILL\)/,
      ) as string,
    },
  });
  expect(await waiting).toMatchObject({ status: 200 });
});

test('a gateway that leaves takes it along', async () => {
  const other = await bench.gateway(db.url);
  const body = JSON.stringify(asked(await inputName('fp32'), 'FP32', floats));
  expect((await other.infer('fp32', body)).status).toBe(200);
  const reading = textProcess(other)!;
  await other.kill();
  await eventually(() => isGone(reading), 'the end of the process');
});
