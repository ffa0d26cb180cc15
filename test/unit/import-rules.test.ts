/** Who may import whom (docs/architecture.md): each rule is broken once, and each agreed exception used once. */
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
let eslint: ESLint;

beforeAll(() => {
  // The snippets are files that do not exist, so rules that ask the type checker cannot run over them; none of the import rules does.
  eslint = new ESLint({ cwd: root, overrideConfig: tseslint.configs.disableTypeChecked as ESLint.Options['overrideConfig'] });
});

const BOUNDARY = /^(import-x\/no-restricted-paths|@typescript-eslint\/no-restricted-imports|no-restricted-(properties|syntax|globals))$/;

async function breaches(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, file) });
  const fatal = result!.messages.filter((message) => message.fatal);
  if (fatal.length > 0) throw new Error(fatal[0]!.message);
  return result!.messages.filter((message) => BOUNDARY.test(message.ruleId ?? '')).map((message) => message.message);
}

/** The path of `to` as `from` imports it. Both must exist, save the importing file: a path that resolves to nothing breaks no rule. */
function specifier(from: string, to: string): string {
  if (!existsSync(join(root, to))) throw new Error(`${to} does not exist: this test needs another file to stand for its kind`);
  const path = relative(dirname(from), to).replace(/\.ts$/, '.js');
  return path.startsWith('.') ? path : `./${path}`;
}

const FORBIDDEN: readonly (readonly [from: string, to: string, because: RegExp])[] = [
  ['runtimes/tensor.ts', 'runtimes/catalog.ts', /shared by server, gateway, host and clients/],
  ['runtimes/contract.ts', 'server/errors.ts', /shared by server, gateway, host and clients/],
  ['runtimes/open-inference/extra.ts', 'server/errors.ts', /shared by server, gateway, host and clients/],
  ['runtimes/host/extra.ts', 'server/config.ts', /know nothing of the server/],
  ['runtimes/onnx/extra.ts', 'runtimes/catalog.ts', /plugin "onnx" imports the contract/],
  ['runtimes/onnx/extra.ts', 'runtimes/open-inference/frame.ts', /plugin "onnx" imports the contract/],
  ['runtimes/onnx/extra.ts', 'server/errors.ts', /know nothing of the server/],
  ['server/gateway/extra.ts', 'server/database/data-source.ts', /keeps answering while the server/],
  ['server/gateway/extra.ts', 'server/registry/registry.entities.ts', /keeps answering while the server/],
  ['server/gateway/protocols/extra.ts', 'server/api/context.ts', /keeps answering while the server/],
  ['server/gateway/extra.ts', 'runtimes/catalog.ts', /never a plugin or the host/],
  ['server/gateway/extra.ts', 'runtimes/onnx/plugin.ts', /never a plugin or the host/],
  ['server/gateway/extra.ts', 'server/routing/routing.entities.ts', /keeps answering while the server/],
  ['server/gateway/extra.ts', 'server/routing/route-table.ts', /keeps answering while the server/],
  ['server/gateway/extra.ts', 'server/metering/metric-window.entities.ts', /keeps answering while the server/],
  ['server/gateway/extra.ts', 'server/metering/metric-windows.ts', /keeps answering while the server/],
  ['server/deployments/extra.ts', 'server/gateway/main.ts', /a process of its own/],
  ['server/deployments/extra.ts', 'server/gateway/protocols/open-inference-rest.ts', /a process of its own/],
  ['server/app.ts', 'server/gateway/main.ts', /a process of its own/],
  ['server/gateway/dispatch/extra.ts', 'server/gateway/http/http-route.ts', /know no protocol/],
  ['server/gateway/dispatch/extra.ts', 'server/gateway/text/body-codec.ts', /know no protocol/],
  ['server/gateway/replicas/extra.ts', 'server/gateway/grpc/grpc-status.ts', /know no protocol/],
  ['server/gateway/metering/extra.ts', 'server/gateway/protocols/triton.ts', /know no protocol/],
  ['server/gateway/text/extra.ts', 'server/gateway/protocols/text-inferences.ts', /texts are read and written for protocols/],
  ['server/gateway/text/extra.ts', 'server/gateway/grpc/grpc-status.ts', /texts are read and written for protocols/],
  ['server/gateway/http/extra.ts', 'server/gateway/protocols/http-paths.ts', /HTTP front knows no protocol/],
  ['server/gateway/http/extra.ts', 'server/gateway/text/body-codec.ts', /HTTP front knows no protocol/],
  ['server/gateway/http/extra.ts', 'server/gateway/grpc/grpc-status.ts', /HTTP front knows no protocol/],
  ['server/routing/extra.ts', 'server/deployments/plan.ts', /lies below the features and the gateway/],
  ['server/routing/extra.ts', 'server/deployments/deployment.entities.ts', /lies below the features and the gateway/],
  ['server/routing/extra.ts', 'server/gateway/limits.ts', /lies below the features and the gateway/],
  ['server/routing/extra.ts', 'server/metering/histogram.ts', /lies below the features and the gateway/],
  ['server/routing/extra.ts', 'runtimes/catalog.ts', /lies below the features and the gateway/],
  ['server/metering/extra.ts', 'server/monitoring/monitoring.entities.ts', /lies below the features and the gateway/],
  ['server/metering/extra.ts', 'server/gateway/limits.ts', /lies below the features and the gateway/],
  ['server/metering/extra.ts', 'server/routing/route-document.ts', /lies below the features and the gateway/],
  ['server/database/extra.ts', 'server/routing/route-document.ts', /routing lies above the database/],
  ['server/engines/extra.ts', 'server/metering/histogram.ts', /metering lies above the database/],
  ['server/engines/extra.ts', 'server/database/data-source.ts', /engines lie below the database/],
  ['server/database/extra.ts', 'server/lifecycle/lifecycle.ts', /the database imports what knows no database/],
  ['server/lifecycle/claim-lock.ts', 'server/database/data-source.ts', /they know nothing of it/],
  ['server/monitoring/extra.ts', 'server/app.ts', /lies above all that it is made of/],
  ['server/api/extra.ts', 'server/features.ts', /lies above all that it is made of/],
  ['server/feature.ts', 'server/features.ts', /lies above all that it is made of/],
  ['server/database/extra.ts', 'server/leader.ts', /lies above all that it is made of/],
  ['server/events/extra.ts', 'server/access/token.service.ts', /go one way.*events may know no other feature/],
  ['server/access/extra.ts', 'server/registry/registry.entities.ts', /go one way/],
  ['server/registry/extra.ts', 'server/deployments/deployment.entities.ts', /go one way/],
  ['server/registry/extra.ts', 'server/monitoring/monitoring.entities.ts', /go one way/],
  ['server/deployments/extra.ts', 'server/autoscaling/autoscaling.entities.ts', /go one way/],
  ['server/monitoring/extra.ts', 'server/autoscaling/autoscaling.entities.ts', /go one way/],
  ['server/autoscaling/extra.ts', 'server/explanation/explanation.service.ts', /go one way/],
  ['server/explanation/extra.ts', 'server/configuration/configuration.service.ts', /go one way/],
  ['server/monitoring/extra.ts', 'server/deployments/deployment-store.ts', /reaches another through its service/],
  ['server/deployments/extra.service.ts', 'server/deployments/deployment.resolver.ts', /in this direction only/],
  ['server/deployments/extra.store.ts', 'server/deployments/deployment.service.ts', /in this direction only/],
  ['server/deployments/extra.entities.ts', 'server/deployments/deployment.types.ts', /no layer above it/],
  ['migrations/9999-extra.ts', 'server/registry/registry.entities.ts', /A migration is history/],
  ['clients/typescript/src/extra.ts', 'server/errors.ts', /Clients know the generated schema/],
  ['clients/typescript/src/extra.ts', 'runtimes/catalog.ts', /Clients know the generated schema/],
  ['server/extra.ts', 'test/support/database.ts', /does not import its tests/],
  ['server/extra.ts', 'clients/typescript/src/index.ts', /does not import its clients/],
];

const ALLOWED: readonly (readonly [from: string, to: string])[] = [
  ['runtimes/open-inference/extra.ts', 'runtimes/tensor.ts'],
  ['runtimes/onnx/extra.ts', 'runtimes/contract.ts'],
  ['runtimes/onnx/extra.ts', 'runtimes/onnx/plugin.ts'],
  ['runtimes/host/extra.ts', 'runtimes/catalog.ts'],
  ['server/gateway/extra.ts', 'server/database/notifications.ts'],
  ['server/gateway/extra.ts', 'server/paths.ts'],
  ['server/gateway/extra.ts', 'server/config.ts'],
  ['server/gateway/extra.ts', 'server/allowed-hosts.ts'],
  ['server/gateway/extra.ts', 'runtimes/open-inference/frame.ts'],
  ['server/gateway/http/extra.ts', 'server/gateway/dispatch/data-plane.ts'],
  ['server/gateway/protocols/extra.ts', 'server/gateway/http/http-route.ts'],
  ['server/gateway/dispatch/extra.ts', 'server/gateway/replicas/lanes.ts'],
  ['server/gateway/extra.ts', 'server/database/notification-names.ts'],
  ['server/gateway/extra.ts', 'server/json-body.ts'],
  ['server/gateway/extra.ts', 'server/routing/acknowledgements.ts'],
  ['server/gateway/extra.ts', 'server/routing/route-document.ts'],
  ['server/gateway/extra.ts', 'server/routing/route-reader.ts'],
  ['server/gateway/extra.ts', 'server/routing/route-snapshot.ts'],
  ['server/gateway/extra.ts', 'server/metering/agreement.ts'],
  ['server/gateway/extra.ts', 'server/metering/error-kinds.ts'],
  ['server/gateway/extra.ts', 'server/metering/histogram.ts'],
  ['server/gateway/extra.ts', 'server/metering/metric-window.ts'],
  ['server/gateway/extra.ts', 'server/metering/window-writer.ts'],
  ['server/routing/extra.ts', 'server/database/unit-of-work.ts'],
  ['server/routing/extra.ts', 'runtimes/tensor.ts'],
  ['server/metering/extra.ts', 'server/database/columns.ts'],
  ['server/monitoring/extra.ts', 'server/metering/metric-windows.ts'],
  ['server/deployments/extra.ts', 'server/routing/route-table.ts'],
  ['server/deployments/extra.ts', 'server/json-body.ts'],
  ['server/database/extra.ts', 'server/lifecycle/claim-lock.ts'],
  ['server/database/extra.ts', 'server/engines/look.ts'],
  ['server/lifecycle/extra.ts', 'server/database/embedded-postgres.ts'],
  ['server/registry/extra.ts', 'server/feature.ts'],
  ['server/monitoring/extra.service.ts', 'server/deployments/deployment.service.ts'],
  ['server/deployments/extra.resolver.ts', 'server/deployments/deployment.service.ts'],
  ['clients/typescript/src/extra.ts', 'runtimes/open-inference/frame.ts'],
  ['server/app.ts', 'server/deployments/deployment.resolver.ts'],
  ['test/unit/extra.test.ts', 'server/deployments/plan.ts'],
];

describe('paths', () => {
  test.each(FORBIDDEN)('%s may not import %s', async (from, to, because) => {
    const path = specifier(from, to);
    // Each way to import is a breach of its own.
    const code = `import { x } from '${path}';\nimport type { X } from '${path}';\nexport type Y = X;\nx();\nexport const later = () => import('${path}');\n`;
    expect((await breaches(from, code)).filter((message) => because.test(message))).toHaveLength(3);
  });

  test.each(ALLOWED)('%s may import %s', async (from, to) => {
    expect(await breaches(from, `import { x } from '${specifier(from, to)}';\nx();\n`)).toEqual([]);
  });
});

describe('packages and globals', () => {
  test.each([
    ['runtimes/tensor.ts', `import pg from 'pg';\npg();`, /nothing but the standard library/],
    ['runtimes/open-inference/extra.ts', `import type { Pool } from 'pg';\nexport type P = Pool;`, /nothing but the standard library/],
    ['runtimes/onnx/extra.ts', `import * as ort from 'onnxruntime-node';\nort.env;`, /inside `load`/],
    ['server/gateway/extra.ts', `import { DataSource } from 'typeorm';\nnew DataSource({});`, /never imports TypeORM or GraphQL/],
    ['server/gateway/extra.ts', `import type { DataSource } from 'typeorm';\nexport type D = DataSource;`, /never imports TypeORM or GraphQL/],
    ['server/gateway/extra.ts', `import { parse } from 'graphql';\nparse('');`, /never imports TypeORM or GraphQL/],
    ['server/routing/route-document.ts', `import { DataSource } from 'typeorm';\nnew DataSource({});`, /no I\/O/],
    ['server/routing/acknowledgements.ts', `import { DataSource } from 'typeorm';\nnew DataSource({});`, /never imports TypeORM or GraphQL/],
    ['server/metering/window-writer.ts', `import type { DataSource } from 'typeorm';\nexport type D = DataSource;`, /never imports TypeORM or GraphQL/],
    ['server/metering/window-writer.ts', `export const x = () => import('typeorm');`, /never loads TypeORM or GraphQL/],
    ['server/gateway/extra.ts', `export const x = () => import('typeorm');`, /never loads TypeORM or GraphQL/],
    ['server/gateway/extra.ts', `export const x = () => import('@apollo/server');`, /never loads TypeORM or GraphQL/],
    ['server/database/extra.ts', `import { sha256 } from '../registry/digest.js';\nsha256('');`, /lie below the features/],
    ['server/engines/extra.ts', `import { VersionEntity } from '../registry/registry.entities.js';\nnew VersionEntity();`, /lie below the features/],
    ['server/lifecycle/extra.ts', `import { EventFeed } from '../events/event-feed.js';\nnew EventFeed({} as never);`, /lie below the features/],
    ['server/monitoring/extra.ts', `import { DeploymentEntity } from '../deployments/deployment.entities.js';\nnew DeploymentEntity();`, /through its service/],
    ['server/monitoring/extra.resolver.ts', `import { VersionEntity } from '../registry/registry.entities.js';\nnew VersionEntity();`, /through its service/],
    [
      'server/monitoring/wording.ts',
      `import { DeploymentEntity } from '../deployments/deployment.entities.js';\nnew DeploymentEntity();`,
      /through its service/,
    ],
    ['server/api/extra.ts', `import { isToken } from '../access/token.service.js';\nisToken('');`, /lie below the features/],
    ['server/registry/extra.service.ts', `import { Field } from 'type-graphql';\nField();`, /\*\.resolver\.ts and \*\.types\.ts only/],
    ['server/registry/extra.ts', `export const port = process.env['PORT'];`, /only reader of process\.env/],
    ['server/registry/extra.ts', `const { env } = process;\nexport { env };`, /only reader of process\.env/],
    ['runtimes/onnx/extra.ts', `export const threads = process.env.THREADS;`, /only reader of process\.env/],
    ['server/deployments/plan.ts', `export const at = () => new Date();`, /time is an argument/],
    ['server/deployments/plan.ts', `export const at = () => Date.now();`, /time is an argument/],
    ['server/deployments/plan.ts', `export const later = (f: () => void) => setTimeout(f, 1);`, /no I\/O and no clock/],
    ['server/deployments/plan.ts', `import { readFileSync } from 'node:fs';\nreadFileSync('x');`, /no I\/O/],
    ['server/deployments/plan.ts', `import { DataSource } from 'typeorm';\nnew DataSource({});`, /no I\/O/],
    ['server/registry/extra.ts', `export default 1;`, /Named exports only/],
  ])('%s: %s', async (file, code, because) => {
    expect(await breaches(file, `${code}\n`)).toEqual(expect.arrayContaining([expect.stringMatching(because)]));
  });

  test.each([
    ['runtimes/onnx/extra.ts', `import type * as ort from 'onnxruntime-node';\nexport const load = (): Promise<typeof ort> => import('onnxruntime-node');`],
    ['server/monitoring/extra.ts', `import type { DeploymentEntity } from '../deployments/deployment.entities.js';\nexport type D = DeploymentEntity;`],
    ['server/monitoring/extra.entities.ts', `import { DeploymentEntity } from '../deployments/deployment.entities.js';\nnew DeploymentEntity();`],
    ['server/api/extra.ts', `import type { TokenService } from '../access/token.service.js';\nexport type T = TokenService;`],
    ['server/registry/extra.resolver.ts', `import { Resolver } from 'type-graphql';\nResolver();`],
    ['server/registry/extra.types.ts', `import { Field } from 'type-graphql';\nField();`],
    ['server/config.ts', `export const port = process.env['PORT'];`],
    ['server/gateway/extra.ts', `import pg from 'pg';\nnew pg.Client();`],
    [
      'server/deployments/plan.ts',
      `import { createHash } from 'node:crypto';\nexport const at = (now: Date) => createHash('sha256').update(new Date(now.getTime() + 1).toISOString());`,
    ],
  ])('%s may: %s', async (file, code) => {
    expect(await breaches(file, `${code}\n`)).toEqual([]);
  });
});

/** Every module that a program loads at its start: its own files by path, packages by name. Types are erased and do not count. */
async function loads(entry: string): Promise<{ files: Set<string>; packages: Set<string> }> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const { path, kind, external } of metafile.inputs[file]!.imports) {
      if (kind === 'dynamic-import') continue;
      if (!external) visit(path);
      else if (!path.startsWith('node:')) packages.add(packageOf(path));
    }
  };
  visit(entry);
  return { files, packages };
}

const packageOf = (path: string): string =>
  path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');

describe('what a process loads, through everything it imports', () => {
  test.each(['server/gateway/main.ts', 'runtimes/host/main.ts'])('%s: no TypeORM, no GraphQL, no control plane', async (entry) => {
    const { files, packages } = await loads(entry);
    expect(files.size).toBeGreaterThan(20);
    expect([...packages].filter((name) => /typeorm|graphql|apollo|as-integrations|dataloader|fastify/.test(name))).toEqual([]);
    expect([...files].filter((file) => /^server\/(access|registry|deployments|monitoring|autoscaling|api|events|engines)\//.test(file))).toEqual([]);
  });

  test('the app loads no GraphQL and no resolver before the gateway is on its way', async () => {
    const { files, packages } = await loads('server/app.ts');
    expect(files).toContain('server/features.ts');
    expect([...packages].filter((name) => /graphql|apollo|as-integrations|dataloader|fastify/.test(name))).toEqual([]);
    expect([...files].filter((file) => /\.(resolver|service|types)\.ts$/.test(file))).toEqual([]);
  });

  test('a replica loads no library of a model before it knows which one it needs', async () => {
    expect([...(await loads('runtimes/host/main.ts')).packages].filter((name) => /onnxruntime|tensorflow/.test(name))).toEqual([]);
  });
});
