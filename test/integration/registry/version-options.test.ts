/** Options and declared signatures: checked when a version is created, kept with it, and given to its runtime. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AuditEntryEntity } from '../../../server/database/change.entities.js';
import { startTestApi, type TestApi } from '../../support/api.js';
import { eventually } from '../../support/eventually.js';
import { createTestRegistry, type TestRegistry } from '../../support/registry.js';
import { SCRIPTED } from '../../support/replica-host.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let registry: TestRegistry;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ features: async ({ work }) => (registry = await createTestRegistry({ work, runtimes: [SCRIPTED] })) });
});
afterAll(async () => {
  await registry.close();
  await api.close();
});

const SIGNATURE = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
};

async function create(input: object, script: object = {}) {
  const model = await registry.newModel();
  const files = [{ path: 'model.script.json', digest: await registry.upload(JSON.stringify({ ...script, model })) }];
  const { data, errors } = await api.graphql(
    'mutation ($input: CreateVersionInput!) { createVersion(input: $input) { version { digest } userErrors { code message field } } }',
    { input: { model, files, ...input } },
  );
  expect(errors).toBeUndefined();
  const { version, userErrors } = data!['createVersion'] as unknown as { version: { digest: string } | null; userErrors: object[] };
  return { version, userErrors, model };
}

async function settled(model: string) {
  const read = async () => {
    const { data } = await api.graphql(
      `{ version(model: "${model}", number: 1) { state reason runtimeOptions declaredSignature { inputs { name datatype shape } outputs { name datatype shape } } } }`,
    );
    const version = data!['version'] as unknown as Record<string, unknown>;
    return version['state'] === 'VALIDATING' ? undefined : version;
  };
  return eventually(read, 'a verdict', 25_000);
}

test('the runtime gets the options with its defaults, the declared signature and an empty folder', async () => {
  const { model } = await create({ runtimeOptions: {}, signature: SIGNATURE }, { tellsOptions: true });
  const { reason, ...version } = await settled(model);
  expect(version).toEqual({ state: 'REJECTED', runtimeOptions: { greeting: 'hello' }, declaredSignature: SIGNATURE });
  const told = { options: { greeting: 'hello' }, declaredSignature: SIGNATURE, scratch: [] };
  expect(JSON.parse(String(reason))).toEqual(told);
});

test('a version without them has the defaults and no declared signature', async () => {
  const { model } = await create({});
  expect(await settled(model)).toEqual({ state: 'READY', reason: null, runtimeOptions: { greeting: 'hello' }, declaredSignature: null });
});

test('options are part of the digest and of the audit', async () => {
  const files = [{ path: 'model.script.json', digest: await registry.upload('{}') }];
  const [one, other] = [await create({ files, runtimeOptions: { greeting: 'hi' } }), await create({ files, runtimeOptions: { greeting: 'good day' } })];
  expect(one.version!.digest).not.toBe(other.version!.digest);
  const entries = await registry.dataSource.manager.findBy(AuditEntryEntity, { action: 'createVersion' });
  expect(entries.map(({ detail }) => detail['runtimeOptions'])).toContainEqual({ greeting: 'good day' });
});

test.each([
  [{ runtimeOptions: { size: 1 } }, 'INVALID', ['runtimeOptions', 'size'], 'the option size of the runtime "scripted": there is no option "size"'],
  [{ runtimeOptions: { greeting: 1 } }, 'INVALID', ['runtimeOptions', 'greeting'], 'the option greeting of the runtime "scripted": expected a text'],
  [{ format: 'onnx', runtimeOptions: { a: 1 } }, 'INVALID', ['runtimeOptions', 'a'], 'the runtime "onnx" takes no options; "a" was given'],
  [{ signature: { ...SIGNATURE, outputs: [] } }, 'INVALID', ['signature', 'outputs'], 'a signature needs at least one output'],
  [
    { signature: { ...SIGNATURE, inputs: [{ name: 'x', datatype: 'FLOAT', shape: [1] }] } },
    'INVALID',
    ['signature', 'inputs', '0', 'datatype'],
    'the datatype "FLOAT" of the input "x" is unknown; give BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES',
  ],
  [
    { signature: { ...SIGNATURE, inputs: [{ name: 'x', datatype: 'FP32', shape: [-2] }] } },
    'INVALID',
    ['signature', 'inputs', '0', 'shape'],
    'the input "x" has the dimension -2; give a size, or -1 for any size',
  ],
  [
    { signature: { ...SIGNATURE, inputs: [...SIGNATURE.inputs, ...SIGNATURE.inputs] } },
    'INVALID',
    ['signature', 'inputs', '1', 'name'],
    'the input "x" is given twice',
  ],
])('%j is refused, and nothing is made', async (input, code, field, message) => {
  const { version, userErrors, model } = await create(input);
  expect([version, userErrors]).toEqual([null, [{ code, message, field: ['input', ...field] }]]);
  expect(await registry.versions.byName('default', model, 1)).toBeUndefined();
});

test.each([
  [{ ...SIGNATURE, inputs: [{ name: 'z', datatype: 'FP32', shape: [1] }] }, 'the declared signature has the inputs z; the model has x'],
  [{ ...SIGNATURE, outputs: [{ name: 'y', datatype: 'FP64', shape: [1] }] }, 'the declared signature says output "y" FP64 [1]; the model says "y" FP32 [1]'],
])('a model that contradicts its declared signature is REJECTED', async (signature, reason) => {
  const { model } = await create({ signature });
  expect(await settled(model)).toMatchObject({ state: 'REJECTED', reason });
});
