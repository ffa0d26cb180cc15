/** The sample models: what the scripts write, what the files do, and their registration in an empty database. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { App } from '../../../server/app.js';
import { Notifier } from '../../../server/database/notifications.js';
import { UnitOfWork } from '../../../server/database/unit-of-work.js';
import { PROJECT_ROOT } from '../../../server/paths.js';
import { sha256 } from '../../../server/registry/digest.js';
import { showSamples } from '../../../server/samples/first-run.js';
import { registerSamples } from '../../../server/samples/register-samples.js';
import { readSamples, type SampleModel } from '../../../server/samples/samples.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { createTestRegistry, endless, READY, type Validate } from '../../support/registry.js';

const SAMPLES = join(PROJECT_ROOT, 'server', 'samples');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samples-'));
});
afterAll(() => rm(folder, { recursive: true }));

const sampleNamed = async (name: string): Promise<SampleModel> => (await readSamples()).find((sample) => sample.name === name)!;

describe('the scripts reproduce the files', () => {
  async function expectSame(name: string, files: readonly string[]): Promise<void> {
    for (const file of files) expect(sha256(await readFile(join(folder, name, file))), file).toBe(sha256(await readFile(join(SAMPLES, name, file))));
  }

  test('iris', async () => {
    await promisify(execFile)(process.execPath, [join(SAMPLES, 'iris', 'train-iris.mjs'), join(folder, 'iris')]);
    await expectSame('iris', ['model.json', 'weights.bin', 'lineage.json']);
  }, 60_000);

  const python = process.env['PILOTHOUSE_TEST_PYTHON'];
  test.runIf(python)(
    'digits',
    async () => {
      await promisify(execFile)(python!, [join(SAMPLES, 'digits', 'train_digits.py'), join(folder, 'digits')]);
      await expectSame('digits', ['digits.onnx', 'lineage.json']);
    },
    120_000,
  );

  test('without that Python: the file is the one that the script wrote last', async () => {
    // Another digest here means that the file was changed, or trained anew: then lineage.json belongs to it, and this line too.
    expect(sha256(await readFile(join(SAMPLES, 'digits', 'digits.onnx')))).toBe('e666fb9c7fe85eb4bcfabd95167581b5981e63f827c5308f6eab978ab447ed64');
  });

  test('the data set that iris names is the one beside it', async () => {
    const { lineage } = await sampleNamed('iris');
    expect(lineage.dataset?.digest).toBe(`sha256:${sha256(await readFile(join(SAMPLES, 'iris', 'iris.csv')))}`);
  });
});

describe('digits', () => {
  /** Any pixels do: rows of 0 to 16 by a small generator. */
  function pixels(rows: number): Float32Array {
    let state = 1;
    return Float32Array.from({ length: rows * 64 }, () => (state = (state * 48271) % 2147483647) % 17);
  }

  test('answers its samples with the true labels', async () => {
    const { files, rows, read } = await sampleNamed('digits');
    const session = await ort.InferenceSession.create(files['digits.onnx']!);
    for (const { inputs, label } of rows) {
      const { name, shape, data } = inputs[0]!;
      const answer = await session.run({ [name]: new ort.Tensor('float32', Float32Array.from(data as number[]), [...shape]) });
      expect(Number(answer['label']!.data[0])).toBe(Number(label));
      expect(read([{ name: 'probabilities', data: Array.from(answer['probabilities']!.data as Float32Array) }])).toBe(label);
    }
    await session.release();
  });

  test('every row is answered bit by bit as if it were alone, at every batch size', async () => {
    const session = await ort.InferenceSession.create((await sampleNamed('digits')).files['digits.onnx']!, { intraOpNumThreads: 1 });
    const total = 130;
    const rows = pixels(total);
    const run = async (from: number, count: number): Promise<Buffer> => {
      const answer = await session.run({ pixels: new ort.Tensor('float32', rows.slice(from * 64, (from + count) * 64), [count, 64]) });
      return Buffer.from((answer['probabilities']!.data as Float32Array).slice().buffer);
    };
    const alone = Buffer.concat(await Promise.all(Array.from({ length: total }, (_, i) => run(i, 1))));
    for (let size = 2; size <= total; size++) {
      const parts: Buffer[] = [];
      for (let from = 0; from < total; from += size) parts.push(await run(from, Math.min(size, total - from)));
      expect(Buffer.concat(parts).equals(alone), `batches of ${size}`).toBe(true);
    }
    await session.release();
  });
});

test('the descriptions say what lineage is, and name the scripts by digest', async () => {
  for (const { lineage, rows, name } of await readSamples()) {
    expect(lineage.metrics!['accuracy']).toBeGreaterThan(0.95);
    expect(Object.keys(lineage.hyperparameters!).length).toBeGreaterThan(3);
    expect(lineage.source).toMatchObject({
      uri: expect.stringContaining(`server/samples/${name}/train`),
      revision: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect(rows.length).toBeGreaterThanOrEqual(3);
  }
});

describe('registration', () => {
  let database: TestDatabase;
  let home: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    home = join(folder, 'home');
  });
  afterAll(() => database.drop());

  async function server(validate?: Validate) {
    const work = new UnitOfWork(database.dataSource, new Notifier(async () => undefined));
    return createTestRegistry({ work, home, ...(validate && { validate }) });
  }
  const counts = async (): Promise<unknown> =>
    database.dataSource.query(
      'SELECT (SELECT count(*) FROM model) AS models, (SELECT count(*) FROM version) AS versions, (SELECT count(*) FROM artifact) AS artifacts',
    );

  test('that is killed at any step goes on at the next start, makes everything once, and ends READY', async () => {
    // A server that ends after each write: nothing but what is in database and store is left to the next.
    for (let allowed = 0; ; allowed++) {
      const registry = await server(endless);
      let left = allowed;
      const dying = <T extends object>(service: T, methods: readonly (keyof T & string)[]): T =>
        new Proxy(service, {
          get: (target, property) => {
            const value: unknown = Reflect.get(target, property);
            if (typeof value !== 'function') return value;
            return (...args: unknown[]): unknown => {
              if (methods.includes(property as keyof T & string) && left-- === 0) throw new Error('killed');
              return Reflect.apply(value, target, args) as unknown;
            };
          },
        });
      const interrupted = {
        ...registry,
        artifacts: dying(registry.artifacts, ['receive']),
        models: dying(registry.models, ['create']),
        versions: dying(registry.versions, ['create', 'get']),
      };
      const failure = await registerSamples(interrupted, 50).catch((error: Error) => error.message);
      await registry.close();
      if (failure !== 'killed') break;
    }
    const registry = await server();
    registry.validator.start();
    // Two servers at once, and once more: the same.
    const [one, two] = await Promise.all([registerSamples(registry, 60_000), registerSamples(registry, 60_000)]);
    expect(one!.map(({ sample, version }) => [sample.name, version.number, version.state, version.reason])).toEqual([
      ['digits', 1, 'READY', null],
      ['iris', 1, 'READY', null],
    ]);
    expect(two!.map(({ version }) => version.id)).toEqual(one!.map(({ version }) => version.id));
    expect(await counts()).toEqual([{ models: '2', versions: '2', artifacts: '3' }]);
    expect(one!.map(({ version }) => version.signature)).toEqual([
      {
        inputs: [{ name: 'pixels', datatype: 'FP32', shape: [-1, 64] }],
        outputs: [
          { name: 'label', datatype: 'INT64', shape: [-1] },
          { name: 'probabilities', datatype: 'FP32', shape: [-1, 10] },
        ],
      },
      { inputs: [{ name: 'measurements', datatype: 'FP32', shape: [-1, 4] }], outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1, 3] }] },
    ]);
    expect(one![0]!.version).toMatchObject({ createdBy: 'system:samples', lineage: one![0]!.sample.lineage, sample: one![0]!.sample.rows[0]!.inputs });
    await registry.close();
  }, 120_000);

  test('says what it is at when that takes more than a second', async () => {
    const registry = await server(endless);
    await database.dataSource.query(`UPDATE version SET state = 'VALIDATING'`);
    const said: string[] = [];
    let started = (): void => undefined;
    const feed = {
      open: async () => ({
        next: () => new Promise((resolve) => (started = () => resolve({ done: false, value: { event: { payload: { phase: 'READY' } } } }))),
      }),
    };
    const deployments = {
      service: { byName: async () => ({ id: 'd' }), get: async () => ({ phase: 'PROGRESSING' }) },
      inference: { infer: async () => ({ outputs: [{ name: 'probabilities', data: [1, 0] }] }) },
    };
    const app = { features: { registry, deployments, events: { feed } } } as unknown as App;
    const shown = showSamples(app, (line) => said.push(line), new AbortController().signal);
    await vi.waitFor(() => expect(said).toEqual(['Registering the sample models, and trying each of them…']), 10_000);
    await database.dataSource.query(`UPDATE version SET state = 'READY'`);
    for (const [index, name] of ['digits', 'iris'].entries()) {
      await vi.waitFor(() => expect(said[1 + 2 * index]).toBe(`Deploying the sample ${name}…`), 10_000);
      started();
      await vi.waitFor(() => expect(said[2 + 2 * index]).toMatch(new RegExp(`^${name}: predicted `)), 10_000);
    }
    await shown;
    await registry.close();
  }, 60_000);

  test('waits no longer than it is allowed to', async () => {
    const registry = await server(endless);
    await database.dataSource.query(`UPDATE version SET state = 'VALIDATING'`);
    await expect(registerSamples(registry, 0)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', message: 'the validation of a sample is not done yet' });
    await expect(registerSamples(registry, 60_000, AbortSignal.timeout(50))).rejects.toThrow();
    await database.dataSource.query(`UPDATE version SET state = 'READY'`);
    await registry.close();
  });

  test('leaves a database alone in which somebody has made a model', async () => {
    const registry = await server(async () => READY);
    await registry.newModel();
    const before = await counts();
    expect(await registerSamples(registry, 1_000)).toBeUndefined();
    expect(await counts()).toEqual(before);
    await registry.close();
  });
});
