/** The backend belongs to the version: what validated it computes in its replicas, and nothing else does. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chosenBuild, nativeBuild, sharedBuild } from '../../runtimes/tfjs/native-cache.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import type { ModelFiles } from '../support/models/folder.js';
import { denseLayers } from '../support/models/tensorflow.js';

// Validations, replicas and three failed starts, on a machine that others load.
vi.setConfig({ testTimeout: 150_000, hookTimeout: 120_000 });

const native = chosenBuild(process.env['PILOTHOUSE_TFJS_NODE_CACHE']);

/** A dense layer of its own weights each time, so that no two tests share files. */
let made = 0;
function sequential(): ModelFiles {
  const files = denseLayers();
  const model = JSON.parse(String(files['model.json'])) as { modelTopology: object };
  const layers = [{ class_name: 'Dense', config: { name: 'y', units: 2, activation: 'linear', batch_input_shape: [null, 2], dtype: 'float32' } }];
  return { ...files, 'model.json': JSON.stringify({ ...model, modelTopology: { class_name: 'Sequential', config: { name: `s${++made}`, layers } } }) };
}

interface Shown {
  readonly state: string;
  readonly reason: string | null;
  readonly backend: { readonly name: string; readonly library: string } | null;
}

interface ReplicaShown {
  readonly state: string;
  readonly backend: string | null;
  readonly reason: string | null;
}

function helpers(test: () => TestApp) {
  const register = async (model: string, files: ModelFiles): Promise<Shown & { readonly number: number }> => {
    const { app, token, graphql } = test();
    const uploaded = await Promise.all(
      Object.entries(files).map(async ([path, content]) => {
        const digest = createHash('sha256').update(content).digest('hex');
        const headers = { authorization: `Bearer ${token}` };
        await fetch(`${app.endpoints.control}/artifacts/${digest}`, { method: 'PUT', headers, body: Buffer.from(content) });
        return { path, digest };
      }),
    );
    await graphql('mutation ($input: CreateModelInput!) { createModel(input: $input) { userErrors { code } } }', { input: { name: model } });
    const input = { model, files: uploaded };
    const answer = await graphql<{ createVersion: { version: { number: number } } }>(
      'mutation ($input: CreateVersionInput!) { createVersion(input: $input) { version { number } } }',
      { input },
    );
    const { number } = answer.createVersion.version;
    const version = await eventually(
      async () => {
        const found = await graphql<{ version: Shown }>(`{ version(model: "${model}", number: ${number}) { state reason backend { name library } } }`);
        return found.version.state === 'VALIDATING' ? undefined : found.version;
      },
      'a verdict',
      60_000,
    );
    return { ...version, number };
  };
  const deploy = async (model: string, phase: 'READY' | 'FAILED'): Promise<ReplicaShown> => {
    const { graphql } = test();
    const input = { name: model, targets: [{ model, version: 1 }] };
    await graphql('mutation ($input: DeployInput!) { deploy(input: $input) { userErrors { message } } }', { input });
    await test().phase(model, phase);
    const { dataSource } = test().database;
    const rows: ReplicaShown[] = await dataSource.query(
      'SELECT r.state, r.backend, r.reason FROM replica r JOIN deployment d ON d.id = r.deployment_id WHERE d.name = $1 AND r.state = $2',
      [model, phase],
    );
    return rows[0]!;
  };
  const change = (model: string, set: string): Promise<unknown> =>
    test().database.dataSource.query(`UPDATE version v SET ${set} FROM model m WHERE m.id = v.model_id AND m.name = $1`, [model]);
  return { register, deploy, change };
}

describe('without native TensorFlow', () => {
  let app: TestApp;
  let empty: string;
  beforeAll(async () => {
    empty = mkdtempSync(join(tmpdir(), 'ph-no-native-'));
    app = await startTestApp({ PILOTHOUSE_TFJS_NODE_CACHE: empty, PILOTHOUSE_SAMPLES: 'off' });
  });
  afterAll(async () => {
    await app?.close();
    rmSync(empty, { recursive: true });
  });
  const { register, deploy, change } = helpers(() => app);

  it('a version says what validated it, and its replica computes with that', async () => {
    expect(await register('wasm', sequential())).toMatchObject({
      state: 'READY',
      backend: { name: 'wasm', library: expect.stringMatching(/^TensorFlow\.js 4\./) as string },
    });
    expect(await deploy('wasm', 'READY')).toMatchObject({ backend: 'wasm' });
  });

  it('a replica takes no faster backend than the one that validated the version', async () => {
    await register('plain', sequential());
    await change('plain', `backend = '{"name":"cpu","library":null}'`);
    expect(await deploy('plain', 'READY')).toMatchObject({ backend: 'cpu' });
  });

  it('a version that was validated on what is not there fails, and says what to do', async () => {
    await register('lost', sequential());
    await change('lost', `backend = '{"name":"tensorflow","library":"TensorFlow 2.12.0"}'`);
    const { reason } = await deploy('lost', 'FAILED');
    expect(reason).toMatch(
      /^the version was validated on the backend tensorflow, which is not available here: .*`npm run build:tfjs-node`.* register the version again/,
    );
  });

  it('a version from before backends were recorded starts, under the names that it was registered with', async () => {
    await register('older', sequential());
    const tensors = `[{"name":"undefined_0","datatype":"FP32","shape":[-1,2]}]`;
    await change('older', `backend = NULL, signature = '{"inputs":${tensors},"outputs":${tensors}}'`);
    // What servers took before: a build in the cache that all checkouts share, whoever made it.
    expect(await deploy('older', 'READY')).toMatchObject({ backend: sharedBuild() ? 'tensorflow' : 'wasm' });
    const inputs = [{ name: 'undefined_0', datatype: 'FP32', shape: [1, 2], data: [2, 4] }];
    const response = await fetch(`${app.app.endpoints.http}/v2/models/older/infer`, { method: 'POST', body: JSON.stringify({ inputs }) });
    // [2, 4] · [[1.5, -2], [0.25, 3]] + [0.5, -0.5]
    expect(await response.json()).toMatchObject({ outputs: [{ name: 'undefined_0', datatype: 'FP32', shape: [1, 2], data: [4.5, 7.5] }] });
  });
});

describe.skipIf(!native)('with the native TensorFlow that the configuration names', () => {
  let app: TestApp;
  let cache: string;
  beforeAll(async () => {
    // A folder that nothing but the configuration leads to.
    cache = mkdtempSync(join(tmpdir(), 'ph-native-'));
    const { folder } = nativeBuild(cache);
    mkdirSync(dirname(folder), { recursive: true });
    symlinkSync(native!.folder, folder);
    app = await startTestApp({ PILOTHOUSE_TFJS_NODE_CACHE: cache, PILOTHOUSE_SAMPLES: 'off' });
  });
  afterAll(async () => {
    await app?.close();
    rmSync(cache, { recursive: true });
  });
  const { register, deploy, change } = helpers(() => app);

  it('it validates, and computes in the replica too', async () => {
    expect(await register('native', sequential())).toMatchObject({
      backend: { name: 'tensorflow', library: expect.stringMatching(/^TensorFlow 2\./) as string },
    });
    expect(await deploy('native', 'READY')).toMatchObject({ backend: 'tensorflow' });
  });

  it('what WebAssembly validated stays on WebAssembly', async () => {
    await register('stays', sequential());
    await change('stays', `backend = '{"name":"wasm","library":null}'`);
    expect(await deploy('stays', 'READY')).toMatchObject({ backend: 'wasm' });
  });
});
