/** A TypeScript module that is generated for a deployment: compiled, run, and broken by another signature. */
import { execFile } from 'node:child_process';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { pilothouse, type CommandResult } from '../support/cli.js';
import { startProgram, type RunningProgram } from '../support/program.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 150_000 });

const SAMPLES = join(PROJECT_ROOT, 'server', 'samples');
let server: RunningProgram;
beforeAll(async () => {
  server = await startProgram({ PILOTHOUSE_SAMPLES: 'off' });
  symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(server.home, 'node_modules'));
  for (const [name, ...files] of [
    ['digits', 'digits.onnx'],
    ['iris', 'model.json', 'weights.bin'],
  ] as const)
    expect(await run('push', name, ...files.map((file) => join(SAMPLES, name, file)))).toMatchObject({ code: 0 });
  expect(await run('deploy', 'reader', 'digits:1')).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await server?.stop();
  server?.clean();
});

const run = (...words: string[]): Promise<CommandResult> => pilothouse(server.home, words);
const generate = (...more: string[]): Promise<CommandResult> => run('generate', 'typescript', 'reader', '-o', 'models.mts', ...more);

const CALLER = (connection: object): string => `import { connect } from '@pilothouse/client';
import { models } from './models.mjs';

const { reader } = models(connect(${JSON.stringify(connection)}));
const { label, probabilities } = await reader({ pixels: new Float32Array(128) });
const [first]: BigInt64Array = label.data;
const [rows, columns]: readonly [number, 10] = probabilities.shape;
console.log(typeof first, rows, columns);
`;

/** What the compiler says of the caller; it writes JavaScript beside it. */
async function compile(): Promise<string> {
  const words = ['--ignoreConfig', '--strict', '--target', 'es2023', '--module', 'nodenext', '--types', 'node', '--skipLibCheck', 'caller.mts'];
  const tsc = join(PROJECT_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, ...words], { cwd: server.home }).catch((error: { stdout: string }) => error);
  return stdout;
}

it('knows names, datatypes and shapes, and serves', async () => {
  expect(await generate()).toMatchObject({ code: 0, out: 'wrote models.mts\n' });
  expect((await generate('--check')).out).toBe('models.mts is up to date\n');
  writeFileSync(join(server.home, 'caller.mts'), CALLER({ url: server.url, gatewayUrl: server.gatewayUrl, token: server.token }));
  expect(await compile()).toBe('');
  const { stdout } = await promisify(execFile)(process.execPath, ['caller.mjs'], { cwd: server.home });
  expect(stdout).toBe('bigint 2 10\n');
});

it.each([
  ['{ pixel: new Float32Array(64) }', /'pixel' does not exist in type 'ReaderInputs'/],
  ['{ pixels: new Float64Array(64) }', /'Float64Array<ArrayBuffer>' is not assignable/],
  ['{ pixels: { data: new Float32Array(64), shape: [64] } }', /Source has 1 element\(s\) but target requires 2/],
  ['{ pixels: { data: new Float32Array(64), shape: [1, 63] } }', /Type '63' is not assignable to type '64'/],
])('refuses to compile %s', async (inputs, message) => {
  const path = join(server.home, 'caller.mts');
  const right = readFileSync(path, 'utf8');
  writeFileSync(path, right.replace('{ pixels: new Float32Array(128) }', inputs));
  expect(await compile()).toMatch(message);
  writeFileSync(path, right);
});

it('breaks its caller once it is generated for another signature, and --check names the fields before', async () => {
  const path = join(server.home, 'models.mts');
  const [before, { mtimeMs }] = [readFileSync(path, 'utf8'), statSync(path)];
  expect((await run('deploy', 'reader', 'iris:1')).code).toBe(0);
  const { code, out, err } = await generate('--check');
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^pilothouse: models.mts is not up to date: reader: input "measurements" FP32 \[any, 4\] is new; reader: input "pixels" is gone; /);
  expect({ text: readFileSync(path, 'utf8'), ...statSync(path) }).toMatchObject({ text: before, mtimeMs });
  const { stderr } = await promisify(execFile)(process.execPath, ['caller.mjs'], { cwd: server.home }).catch((error: { stderr: string }) => error);
  expect(stderr).toMatch(/PilothouseError/);

  expect((await generate()).code).toBe(0);
  expect(await compile()).toMatch(/caller.mts\(5,\d+\): error TS2353: .*'pixels' does not exist in type 'ReaderInputs'/);
});

it('says what else is not up to date, and where --check needs a file', async () => {
  writeFileSync(join(server.home, 'models.mts'), 'export const old = 1;\n');
  expect(await generate('--check')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/models.mts is not up to date: it was edited, or written by another/),
  });
  expect(await run('generate', 'typescript', 'reader', '--check')).toMatchObject({ code: 2, err: expect.stringMatching(/name it with --out/) });
});
