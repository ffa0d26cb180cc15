/** The built TypeScript package where its users run it: as ESM and CommonJS, in a browser, and on Bun and Deno where these are installed. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { startTestApp, type TestApp } from '../support/app.js';

const run = promisify(execFile);
let app: TestApp;
/** A folder that has the package installed, as a user's has. */
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-package-'));
  symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(folder, 'node_modules'));
  app = await startTestApp();
  const number = await app.addVersion('reader');
  await app.graphql('mutation ($input: DeployInput!) { deploy(input: $input) { userErrors { message } } }', {
    input: { name: 'reader', targets: [{ model: 'reader', version: number }] },
  });
  await app.phase('reader', 'READY');
}, 120_000);
afterAll(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A caller that uploads, follows and infers: what differs from platform to platform. It ends with one line of JSON. */
const CALLER = `
async function caller(connect, { url, gatewayUrl, token }, bytes) {
  const client = connect({ url, gatewayUrl, token });
  let sent = 0;
  const { digest, uploaded } = await client.uploadArtifact(bytes, { seen: (now) => (sent = now) });
  const after = await client.eventCursor();
  await client.deploy({ name: 'reader', reason: String(sent), timeoutMs: 5000 + sent });
  const phases = [];
  for await (const { phase } of client.follow('reader', { after })) {
    phases.push(phase);
    if (phase === 'READY') break;
  }
  const { outputs } = await client.infer('reader', { pixels: { data: new Float32Array(64), shape: [1, 64] } });
  const names = [];
  for await (const { name } of client.models({ pageSize: 1 })) names.push(name);
  const refused = await client.infer('nothing', {}).catch((error) => error.code);
  await client.close();
  return { digest, uploaded, sent, last: phases.at(-1), label: String(outputs.label.data[0]), names, refused };
}`;
const expected = (bytes: number): object => ({
  digest: expect.stringMatching(/^[0-9a-f]{64}$/),
  uploaded: true,
  sent: bytes,
  last: 'READY',
  label: expect.stringMatching(/^\d$/),
  names: ['reader'],
  refused: 'NOT_FOUND',
});
const connection = (): object => ({ url: app.app.endpoints.control, gatewayUrl: app.app.endpoints.http, token: app.token });

/** Each platform sends bytes of its own: what is there already is not sent. */
let size = 100;

async function onPlatform(program: string, words: readonly string[], file: string, load: string): Promise<void> {
  const bytes = ++size;
  const call = `caller(connect, ${JSON.stringify(connection())}, new Uint8Array(${bytes}).fill(7)).then((result) => console.log(JSON.stringify(result)))`;
  writeFileSync(join(folder, file), `${load}\n${CALLER}\n${call};\n`);
  const { stdout } = await run(program, [...words, file], { cwd: folder, timeout: 60_000 });
  expect(JSON.parse(stdout)).toEqual(expected(bytes));
}

const ESM = `import { connect } from '@pilothouse/client';`;
const COMMONJS = `const { connect } = require('@pilothouse/client');`;

test('Node, as ESM', () => onPlatform(process.execPath, [], 'caller.mjs', ESM));
test('Node, as CommonJS', () => onPlatform(process.execPath, [], 'caller.cjs', COMMONJS));

const folders = [join(PROJECT_ROOT, 'node_modules', '.bin'), ...(process.env['PATH'] ?? '').split(delimiter)];
const OTHERS = [
  { name: 'bun', words: ['run'] },
  { name: 'deno', words: ['run', '--allow-all', '--node-modules-dir=manual'] },
].flatMap(({ name, words }) => {
  const program = folders.map((at) => join(at, name)).find(existsSync);
  return program === undefined ? [] : [{ name, program, words }];
});
for (const { name, program, words } of OTHERS) test(name, () => onPlatform(program, words, `caller-${name}.mjs`, ESM));

describe('a browser', () => {
  let bundle: string;
  beforeAll(async () => {
    const { outputFiles } = await build({
      // esbuild refuses a built-in module of Node for this platform, wherever it is imported.
      stdin: { contents: `export { connect } from '@pilothouse/client';`, resolveDir: folder },
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'pilothouse',
      write: false,
      logLevel: 'silent',
    });
    bundle = outputFiles[0]!.text;
  });

  /** What a page has, and nothing of Node. */
  const page = (): object => {
    const names = [
      'AbortController',
      'AbortSignal',
      'Blob',
      'Response',
      'TextEncoder',
      'TextDecoder',
      'URL',
      'clearTimeout',
      'fetch',
      'performance',
      'setTimeout',
    ];
    const globals = Object.fromEntries(names.map((name) => [name, (globalThis as Record<string, unknown>)[name]]));
    // Arrays of the page must be those of the code that checks them.
    return createContext({ ...globals, WebSocket, Uint8Array, Float32Array, Error });
  };

  test('has no built-in module of Node in it, and works with what a page has', async () => {
    const context = page();
    runInContext(bundle, context);
    const bytes = ++size;
    const result: unknown = await runInContext(
      `${CALLER}; caller(pilothouse.connect, ${JSON.stringify(connection())}, new Blob([new Uint8Array(${bytes}).fill(7)])).then(JSON.stringify)`,
      context,
    );
    expect(JSON.parse(result as string)).toEqual(expected(bytes));
    expect(runInContext('typeof process + typeof Buffer + typeof require', context)).toBe('undefinedundefinedundefined');
  });

  test('reads no paths, and says what to give', async () => {
    const context = page();
    runInContext(bundle, context);
    const call = `pilothouse.connect(${JSON.stringify(connection())}).uploadArtifact('model.onnx').catch((error) => error.message)`;
    expect(await runInContext(call, context)).toMatch(/"model.onnx" is a path, and a browser cannot read it; give/);
  });

  test('an import of a built-in module would be found', async () => {
    const stdin = { contents: `export { connect } from '@pilothouse/client/dist/clients/typescript/src/index.js';`, resolveDir: folder };
    const inside = { contents: `export * from './index.js';`, resolveDir: join(PROJECT_ROOT, 'clients', 'typescript', 'dist', 'clients', 'typescript', 'src') };
    for (const entry of [stdin, inside])
      await expect(build({ stdin: entry, bundle: true, platform: 'browser', write: false, logLevel: 'silent' })).rejects.toThrow(/Could not resolve/);
  });
});

describe('types', () => {
  const CALL = `const client: PilothouseClient = connect({ url: '', token: '' });
export const labels = async (): Promise<string[]> => {
  const { outputs } = await client.infer('reader', { pixels: { data: new Float32Array(64), shape: [1, 64] } });
  for await (const { number } of client.versions('reader')) number.toFixed();
  // @ts-expect-error a number is no name
  client.why(3);
  return Object.keys(outputs);
};
`;
  const IMPORT = `import { connect, type PilothouseClient } from '@pilothouse/client';\n`;

  test.each([
    ['Node, ESM and CommonJS', ['caller.mts', 'caller.cts'], ['--module', 'nodenext', '--types', 'node']],
    ['a browser', ['page.ts'], ['--module', 'esnext', '--moduleResolution', 'bundler', '--customConditions', 'browser', '--lib', 'es2023,dom']],
  ])('%s', { timeout: 120_000 }, async (_platform, files, options) => {
    for (const file of files) writeFileSync(join(folder, file), IMPORT + CALL);
    const tsc = join(PROJECT_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const words = [tsc, '--ignoreConfig', '--noEmit', '--strict', '--target', 'es2023', ...options, ...files];
    const { stdout } = await run(process.execPath, words, { cwd: folder }).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  });
});
