/** What `pilothouse doctor` says of an interpreter, and what the reason says where a model finds no library. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { checkPython } from '../../server/doctor/python.js';
import { never, options } from '../contract/runtimes.suite.js';
import { modelFolder, removeModelFolders } from '../support/models/folder.js';
import { hostedPython, testPython } from '../support/python.js';

// The first run installs the libraries.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 600_000 });

let folder: string;
/** A Python without any library. */
let bare: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ph-bare-python-'));
  bare = join(folder, 'bin', 'python');
  execFileSync('python3', ['-m', 'venv', '--without-pip', folder]);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  removeModelFolders();
});

it('names the interpreter and its libraries', async () => {
  const { state, message } = await checkPython({ python: await testPython() });
  expect(message).toMatch(/python 3\.\d+\.\d+ with numpy \d.*, scikit-learn 1\.7\.2, skops 0\.13\.0, xgboost 3\.1\.1, lightgbm 4\.6\.0/);
  // A warning only where this system cannot isolate a model.
  expect(state === 'OK' || /not fully isolated/.test(message)).toBe(true);
});

it('says that models need a requirements.txt where there is no NumPy', async () => {
  expect((await checkPython({ python: bare })).message).toMatch(/python 3\.\d+\.\d+(, without NumPy: push each|: models are not fully isolated)/);
});

it('says what to do where the interpreter cannot be run', async () => {
  expect(await checkPython({ python: join(folder, 'nowhere') })).toMatchObject({
    state: 'WARNING',
    message: expect.stringContaining('nowhere cannot host models: spawn') as string,
    advice: expect.stringContaining('set PILOTHOUSE_PYTHON') as string,
  });
});

it('says so where the program is no Python', async () => {
  expect(await checkPython({ python: 'true' })).toMatchObject({ state: 'WARNING', message: 'true cannot host models: it does not behave like Python' });
});

it.each([
  ['sklearn-pickle', 'model.pkl', 'scikit-learn'],
  ['sklearn-skops', 'model.skops', 'scikit-learn and skops'],
  ['xgboost', 'model.ubj', 'xgboost'],
])('a %s model without libraries is told which line to add', async (format, file, needed) => {
  const loading = hostedPython(bare).load(modelFolder(format, { [file]: '' }), options, never);
  await expect(loading).rejects.toThrow(`has no NumPy (No module named 'numpy'); add a requirements.txt with ${needed} beside the model`);
});
