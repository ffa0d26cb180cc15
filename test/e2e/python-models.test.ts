/** Python models as their authors have them: trained here, pushed by the command, served, and compared with the library's own answers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pilothouse } from '../support/cli.js';
import { startProgram, type RunningProgram } from '../support/program.js';
import { removeModelFolders } from '../support/models/folder.js';
import { runPython, testPython } from '../support/python.js';

// The first run installs the libraries; every model imports them anew.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 900_000 });

const TRAIN = readFileSync(new URL('../support/models/train_python_models.py', import.meta.url), 'utf8');
interface Case {
  readonly file: string;
  readonly inputs: readonly { name: string; datatype: string; shape: number[]; data: unknown[] }[];
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly sampled: boolean;
}

let program: RunningProgram;
let folder: string;
let cases: Readonly<Record<string, Case>>;
beforeAll(async () => {
  const interpreter = await testPython();
  folder = mkdtempSync(join(tmpdir(), 'ph-python-'));
  cases = runPython(interpreter, TRAIN, folder);
  program = await startProgram({ PILOTHOUSE_PYTHON: interpreter, PILOTHOUSE_SAMPLES: 'off', PILOTHOUSE_VALIDATION_TIMEOUT_MS: '200000' });
});
afterAll(async () => {
  await program.stop();
  program.clean();
  removeModelFolders();
  rmSync(folder, { recursive: true });
});

const cli = (...words: string[]) => pilothouse(program.home, words, { env: { PILOTHOUSE_URL: program.url, PILOTHOUSE_TOKEN: program.token } });

async function infer(name: string, inputs: Case['inputs']): Promise<{ name: string; data: unknown[] }[]> {
  const response = await fetch(`${program.gatewayUrl}/v2/models/${name}/infer`, { method: 'POST', body: JSON.stringify({ inputs }) });
  const body = (await response.json()) as { outputs: { name: string; data: unknown[] }[]; error?: string };
  expect(body.error).toBeUndefined();
  return body.outputs;
}

describe('a Python model answers as its library does', () => {
  it.each(['skops', 'pickle', 'joblib', 'forest', 'table', 'xgboost', 'xgboost-json', 'lightgbm'])('%s', async (name) => {
    const { file, inputs, outputs, sampled } = cases[name]!;
    const sample = join(folder, `${name}.sample.json`);
    writeFileSync(sample, JSON.stringify({ inputs }));
    const pushed = await cli('push', name, join(folder, file), ...(sampled ? ['--sample', sample] : []));
    expect([pushed.code, pushed.code === 0 ? '' : pushed.err]).toEqual([0, '']);
    const deployed = await cli('deploy', name, `${name}:1`);
    expect([deployed.code, deployed.code === 0 ? '' : deployed.err]).toEqual([0, '']);
    const answers = await infer(name, inputs);
    expect(Object.fromEntries(answers.map(({ name: output, data }) => [output, data]))).toEqual(outputs);
    expect((await cli('delete', name)).code).toBe(0);
  });
});

describe('a Python model that is refused', () => {
  const rejected = async (name: string, ...words: string[]): Promise<string> => {
    const { code, err } = await cli('push', name, ...words);
    expect(code).not.toBe(0);
    return err;
  };

  it('a pickle that reaches for os.system, which is never called', async () => {
    expect(await rejected('hostile', join(folder, 'hostile.pkl'))).toMatch(/hostile:1 was REJECTED: hostile\.pkl reaches for (posix|os)\.system/);
    expect(() => readFileSync('/tmp/pilothouse-was-here')).toThrow('ENOENT');
  });

  it('a joblib file that hides it in an array of objects', async () => {
    expect(await rejected('hidden', join(folder, 'hidden.joblib'))).toMatch(/hidden\.joblib reaches for (posix|os)\.system/);
  });

  it('an estimator with a function of its own, until the name is allowed', async () => {
    const file = join(folder, 'function.pkl');
    expect(await rejected('function', file)).toMatch(/reaches for math\.fsum, which could run any code.*allowGlobals/);
    const allowed = await cli('push', 'function', file, '--allow-globals', 'math.fsum', '--json');
    // The function is no model either way; its name is what is no longer refused.
    expect(allowed.err + allowed.out).not.toMatch(/reaches for/);
  });

  it('a file of another version of the library, by both versions', async () => {
    expect(await rejected('old', join(folder, 'old.pkl'))).toMatch(
      /written with scikit-learn 0\.24\.2, and 1\.7\.2 is installed for .*add a requirements\.txt with "scikit-learn==0\.24\.2"/,
    );
  });

  it('requirements that nobody can meet, in the words of the resolver', async () => {
    writeFileSync(join(folder, 'requirements.txt'), 'scikit-learn==1.7.2\nnumpy==1.0.0\n');
    expect(await rejected('unmet', join(folder, 'model.skops'), join(folder, 'requirements.txt'))).toMatch(
      /requirements\.txt cannot be installed: .*numpy==1\.0\.0/s,
    );
  });

  it('requirements that name a path', async () => {
    writeFileSync(join(folder, 'requirements.txt'), 'numpy\n../evil\n');
    expect(await rejected('path', join(folder, 'model.skops'), join(folder, 'requirements.txt'))).toMatch(
      /line 2 of requirements\.txt, "\.\.\/evil", is no package with a version/,
    );
  });
});

it('a model is served with the environment that its requirements.txt asks for', async () => {
  writeFileSync(join(folder, 'requirements.txt'), 'scikit-learn==1.7.2\nskops==0.13.0\n');
  const pushed = await cli('push', 'required', join(folder, 'model.skops'), join(folder, 'requirements.txt'));
  expect([pushed.code, pushed.code === 0 ? '' : pushed.err]).toEqual([0, '']);
  expect((await cli('deploy', 'required', 'required:1')).code).toBe(0);
  const { inputs, outputs } = cases['skops']!;
  expect(Object.fromEntries((await infer('required', inputs)).map(({ name, data }) => [name, data]))).toEqual(outputs);
});
