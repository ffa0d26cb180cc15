/** The tour of README.md: its commands and its TypeScript are run as they stand there, and what they print is compared. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { expectPrinted } from '../support/printed.js';
import { startProgram, type RunningProgram } from '../support/program.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 150_000 });

const run = promisify(execFile);
const README = readFileSync(join(PROJECT_ROOT, 'README.md'), 'utf8');
/** The blocks of a section in their order, each with its language. */
function blocks(section: string): { language: string; text: string }[] {
  const text = README.split(`\n### ${section}\n`)[1]!.split(/\n##+ /)[0]!;
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, block]) => ({ language: language!, text: block! }));
}

let server: RunningProgram;
let folder: string;
beforeAll(async () => {
  server = await startProgram({ PILOTHOUSE_SAMPLES: 'off' });
  // A clone in which the server of this test runs.
  folder = mkdtempSync(join(tmpdir(), 'pilothouse-tour-'));
  for (const name of ['node_modules', 'server']) symlinkSync(join(PROJECT_ROOT, name), join(folder, name));
  symlinkSync(server.home, join(folder, '.pilothouse'));
});
afterAll(async () => {
  await server?.stop();
  server?.clean();
  rmSync(folder, { recursive: true, force: true });
});

it('from the command line', async () => {
  const found = blocks('From the command line');
  expect(found.map(({ language }) => language)).toEqual(['console']);
  const steps = found[0]!.text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => /^(.*)\n([\s\S]*)$/.exec(step)!.slice(1) as [command: string, output: string]);
  expect(steps.length).toBeGreaterThan(4);
  const { DATABASE_URL: _1, PILOTHOUSE_URL: _2, PILOTHOUSE_TOKEN: _3, ...inherited } = process.env;
  const env = { ...inherited, PILOTHOUSE_HOME: server.home, XDG_CONFIG_HOME: join(server.home, 'config') };
  for (const [command, output] of steps) {
    const { stdout } = await run('sh', ['-c', command], { cwd: PROJECT_ROOT, env });
    expectPrinted(stdout, output);
  }
});

it('from TypeScript', async () => {
  const found = blocks('From TypeScript');
  expect(found.map(({ language }) => language)).toEqual(['ts', 'text']);
  const [code, output] = found.map(({ text }) => text) as [string, string];
  // The ports of the README belong to whoever runs the product here.
  const address = `url: 'http://127.0.0.1:4000'`;
  expect(code).toContain(address);
  writeFileSync(join(folder, 'tour.mts'), code.replace(address, `url: '${server.url}', gatewayUrl: '${server.gatewayUrl}'`));
  const tsc = join(PROJECT_ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const words = ['--ignoreConfig', '--strict', '--noUncheckedIndexedAccess', '--target', 'es2023', '--module', 'nodenext', '--types', 'node', '--skipLibCheck'];
  const compiled = await run(process.execPath, [tsc, ...words, 'tour.mts'], { cwd: folder }).catch((error: { stdout: string }) => error);
  expect(compiled.stdout).toBe('');
  const { stdout } = await run(process.execPath, ['tour.mjs'], { cwd: folder });
  expectPrinted(stdout, output);
});
