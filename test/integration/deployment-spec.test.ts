import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RouteDocument } from '../../server/routing/route-document.js';
import { PROJECT_ROOT } from '../../server/paths.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { dynamicallyQuantisedModel, identityModel } from '../support/models/onnx.js';

vi.setConfig({ testTimeout: 120_000 });

let t: TestApp;
beforeAll(async () => {
  t = await startTestApp();
  await t.addVersion('digits');
  // Twice, for a number that no version of the others has.
  for (let i = 0; i < 2; i++) await t.addVersion('quantised', dynamicallyQuantisedModel());
  await t.addVersion('fixed', identityModel('FP32', [1, 2]));
}, 180_000);
afterAll(() => t?.close());

interface UserError {
  code: string;
  message: string;
  field: string[];
}

const deploy = async (input: object): Promise<UserError[]> => {
  const query = 'mutation ($input: DeployInput!) { deploy(input: $input) { userErrors { code message field } } }';
  return (await t.graphql<{ deploy: { userErrors: UserError[] } }>(query, { input })).deploy.userErrors;
};

/** Deploys, and waits until gateways serve it. */
const deployed = async (input: { readonly name: string; readonly [field: string]: unknown }): Promise<void> => {
  expect(await deploy(input)).toEqual([]);
  await t.phase(input.name, 'READY');
};

interface Shown {
  generation: number;
  spec: { batching: string; maxBatchSize: number; maxDelayMs: number; stickyHeader: string | null };
  targets: {
    weight: number;
    shadowPercent: number;
    batching: { enabled: boolean; reason: string; maxBatchSize: number | null; maxDelayMs: number | null };
    version: { rowIndependence: { verdict: string; reason: string } };
    replicas: { id: string; pid: number }[];
  }[];
  route: {
    version: string;
    generation: number;
    stickyHeader: string | null;
    targets: { weight: number; shadowPercent: number; batching: { maxBatchSize: number; maxDelayMs: number } | null; replicaIds: string[] }[];
  };
  conditions: { type: string; status: string; reason: string; message: string }[];
  replicas: { nodes: { id: string }[] };
}

const shown = async (name: string): Promise<Shown> =>
  (
    await t.graphql<{ deployment: Shown }>(
      `query ($name: String!) { deployment(name: $name) { generation conditions { type status reason message } replicas(first: 50) { nodes { id } }
        spec { batching maxBatchSize maxDelayMs stickyHeader }
        targets { weight shadowPercent batching { enabled reason maxBatchSize maxDelayMs } version { rowIndependence { verdict reason } } replicas { id pid } }
        route { version generation stickyHeader targets { weight shadowPercent batching { maxBatchSize maxDelayMs } replicaIds } } } }`,
      { name },
    )
  ).deployment;

/** What gateways are given. */
const routeOf = async (name: string): Promise<RouteDocument> => {
  const [row] = (await t.database.dataSource.query(`SELECT document FROM route WHERE document->>'name' = $1`, [name])) as { document: RouteDocument }[];
  return row!.document;
};

describe('batching', () => {
  test('AUTO merges a version whose rows are independent, and says why', async () => {
    await deployed({ name: 'auto', targets: [{ model: 'digits' }] });
    const { spec, targets, route } = await shown('auto');
    expect(spec).toEqual({ batching: 'AUTO', maxBatchSize: 64, maxDelayMs: 2, stickyHeader: null });
    expect(targets).toMatchObject([
      {
        weight: 100,
        shadowPercent: 0,
        batching: { enabled: true, reason: expect.stringMatching(/^INDEPENDENT: \d rows gave the same bits/), maxBatchSize: 64, maxDelayMs: 2 },
        version: { rowIndependence: { verdict: 'INDEPENDENT' } },
      },
    ]);
    expect(route.targets[0]!.batching).toEqual({ maxBatchSize: 64, maxDelayMs: 2 });
    expect(await routeOf('auto')).toMatchObject({ stickyHeader: null, targets: [{ shadowPercent: 0, batching: { maxBatchSize: 64, maxDelayMs: 2 } }] });
  });

  test('another size and a sticky header write the route anew, and restart nothing', async () => {
    const before = await shown('auto');
    await deployed({ name: 'auto', maxBatchSize: 16, maxDelayMs: 0.5, stickyHeader: 'X-User-Id' });
    const after = await shown('auto');
    expect(after.spec).toEqual({ batching: 'AUTO', maxBatchSize: 16, maxDelayMs: 0.5, stickyHeader: 'x-user-id' });
    expect(Number(after.route.version)).toBeGreaterThan(Number(before.route.version));
    expect(after.route).toMatchObject({ generation: 2, stickyHeader: 'x-user-id', targets: [{ batching: { maxBatchSize: 16, maxDelayMs: 0.5 } }] });
    expect(after.targets[0]!.replicas).toEqual(before.targets[0]!.replicas);
    expect(after.replicas).toEqual(before.replicas);
    // The very same again is no change.
    await deployed({ name: 'auto', maxBatchSize: 16, stickyHeader: 'x-USER-id' });
    expect((await shown('auto')).generation).toBe(2);
    await deployed({ name: 'auto', stickyHeader: null, batching: 'OFF' });
    expect(await shown('auto')).toMatchObject({
      generation: 3,
      targets: [{ batching: { enabled: false, reason: 'the spec says OFF', maxBatchSize: null, maxDelayMs: null }, replicas: before.targets[0]!.replicas }],
      route: { stickyHeader: null, targets: [{ batching: null }] },
    });
  });

  test('a version whose rows depend on each other is READY and not merged, unless the spec says ON', async () => {
    await deployed({ name: 'careful', targets: [{ model: 'quantised' }] });
    const { targets, route } = await shown('careful');
    const found = { verdict: 'DEPENDENT', reason: expect.stringMatching(/^output "y" of row \d was \S+ .+ and \S+ alone$/) };
    expect(targets).toMatchObject([
      { batching: { enabled: false, reason: expect.stringMatching(/^DEPENDENT: output "y"/) }, version: { rowIndependence: found } },
    ]);
    expect(route.targets[0]!.batching).toBeNull();
    await deployed({ name: 'careful', batching: 'ON' });
    expect(await shown('careful')).toMatchObject({
      targets: [{ batching: { enabled: true, reason: expect.stringMatching(/^the spec says ON; DEPENDENT: output "y"/) } }],
      route: { targets: [{ batching: { maxBatchSize: 64, maxDelayMs: 2 } }] },
    });
  });

  test('a version without a batch dimension is served, and never merged', async () => {
    await deployed({ name: 'single', targets: [{ model: 'fixed' }] });
    expect(await shown('single')).toMatchObject({
      targets: [{ batching: { enabled: false, reason: 'FIXED: input "x" has the shape [1, 2], which does not begin with a dimension of any size' } }],
      route: { targets: [{ batching: null }] },
    });
  });
});

describe('a shadow', () => {
  test('has replicas and a place in the route, and no weight', async () => {
    await deployed({ name: 'shadowed', targets: [{ model: 'digits' }] });
    const before = await shown('shadowed');
    await deployed({ name: 'shadowed', targets: [{ model: 'digits' }, { model: 'quantised', shadowPercent: 12.5 }] });
    await eventually(async () => (await shown('shadowed')).route.targets[1]!.replicaIds.length === 1, 'the shadow is routed', 60_000);
    await t.phase('shadowed', 'READY');
    const after = await shown('shadowed');
    expect(after.targets.map(({ weight, shadowPercent, replicas }) => ({ weight, shadowPercent, replicas: replicas.length }))).toEqual([
      { weight: 100, shadowPercent: 0, replicas: 1 },
      { weight: 0, shadowPercent: 12.5, replicas: 1 },
    ]);
    expect(after.targets[0]!.replicas).toEqual(before.targets[0]!.replicas);
    expect(await routeOf('shadowed')).toMatchObject({
      targets: [
        { weight: 100, shadowPercent: 0 },
        { weight: 0, shadowPercent: 12.5, replicas: [{}] },
      ],
    });
    expect(after.conditions).toMatchObject([{}, {}, { type: 'Degraded', status: 'FALSE' }]);
  });

  test('that cannot start leaves the deployment READY and serving, and the condition says why it is missing', async () => {
    const other = Buffer.concat([await readFile(join(PROJECT_ROOT, 'server', 'samples', 'digits', 'digits.onnx')), Buffer.from([0x72, 0x00])]);
    const version = await t.addVersion('digits', other);
    const digest = createHash('sha256').update(other).digest('hex');
    await rm(join(t.home, 'artifacts', digest.slice(0, 2), digest));
    await deployed({
      name: 'brave',
      targets: [
        { model: 'digits', version: 1 },
        { model: 'digits', version, shadowPercent: 50 },
      ],
    });
    const conditions = await eventually(
      async () => {
        const found = (await shown('brave')).conditions;
        return found[2]!.message.includes(digest) && found;
      },
      'the condition has the reason of the shadow',
      60_000,
    );
    expect(conditions).toMatchObject([
      { type: 'Available', status: 'TRUE' },
      { type: 'Progressing', status: 'FALSE' },
      { type: 'Degraded', status: 'TRUE', reason: 'ShadowMissing', message: expect.stringContaining('callers are still served') },
    ]);
    expect((await t.infer('brave')).status).toBe(200);
  });
});

test.each([
  ['a shadow that has a weight', { targets: [{ model: 'digits', weight: 5, shadowPercent: 5 }] }, 'INVALID', ['targets', '0', 'weight']],
  ['shadows only', { targets: [{ model: 'digits', shadowPercent: 5 }] }, 'INVALID', ['targets']],
  ['more than all of the traffic', { targets: [{ model: 'digits', shadowPercent: 101 }] }, 'INVALID', ['targets', '0', 'shadowPercent']],
  ['a sticky header that is none', { targets: [{ model: 'digits' }], stickyHeader: 'a b' }, 'INVALID', ['stickyHeader']],
  ['version 1 of two models', { targets: [{ model: 'digits', version: 1 }, { model: 'fixed' }] }, 'INVALID', ['targets', '1']],
  [
    'a shadow of the same number',
    {
      targets: [
        { model: 'digits', version: 1 },
        { model: 'fixed', shadowPercent: 5 },
      ],
    },
    'INVALID',
    ['targets', '1'],
  ],
  ['a secret as sticky header', { targets: [{ model: 'digits' }], stickyHeader: 'Authorization' }, 'INVALID', ['stickyHeader']],
  ['a batch of no rows', { targets: [{ model: 'digits' }], maxBatchSize: 0 }, 'INVALID', ['maxBatchSize']],
  ['a delay of a minute', { targets: [{ model: 'digits' }], maxDelayMs: 60_000 }, 'INVALID', ['maxDelayMs']],
  ['batching ON without a batch dimension', { targets: [{ model: 'fixed' }], batching: 'ON' }, 'FAILED_PRECONDITION', ['batching']],
])('deploy with %s is refused, and nothing is changed', async (_, input, code, field) => {
  const count = (): Promise<unknown> =>
    t.database.dataSource.query('SELECT (SELECT count(*) FROM deployment) d, (SELECT count(*) FROM revision) r, (SELECT count(*) FROM audit_entry) a');
  const before = await count();
  expect(await deploy({ name: 'x', ...input })).toMatchObject([{ code, field: ['input', ...field] }]);
  expect(await count()).toEqual(before);
});

test('batching ON without a batch dimension is refused with what there is instead', async () => {
  const [error] = await deploy({ name: 'single', batching: 'ON' });
  expect(error!.message).toBe(
    'batching is ON, but requests to version 1 cannot be merged: input "x" has the shape [1, 2], which does not begin with a dimension of any size; use AUTO or OFF',
  );
});
