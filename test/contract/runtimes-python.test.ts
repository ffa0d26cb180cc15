import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { modelFolder, removeModelFolders } from '../support/models/folder.js';
import { loadHosted } from '../../runtimes/host/hosted-model.js';
import python from '../../runtimes/python/plugin.js';
import type { Tensor } from '../../runtimes/tensor.js';
import { hostedPython, REQUIREMENTS, runPython, testPython } from '../support/python.js';
import { never, options, runtimeContract } from './runtimes.suite.js';

// The first run installs the libraries.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 600_000 });
let interpreter: string;
beforeAll(async () => (interpreter = await testPython()));
afterAll(removeModelFolders);

const spec = (name: string, columns: number) => ({ name, datatype: 'FP32', shape: [-1, columns] });
const signature = (inputs: readonly string[], outputs: readonly string[], columns: number): string =>
  JSON.stringify({ inputs: inputs.map((name) => spec(name, columns)), outputs: outputs.map((name) => spec(name, columns)) });

const ARITHMETIC = `
class Model:
    def predict(self, inputs):
        import numpy as np
        a, b = inputs["a"], inputs["b"]
        return {"sum": a + b, "product": a * b, "maximum": np.maximum(a, b)}
`;
const DENSE = `
import numpy as np
WEIGHTS = np.array([[1.5, -0.25], [0.75, 2.0]], np.float32)
class Model:
    def predict(self, inputs):
        return {"y": inputs["x"] @ WEIGHTS + np.float32(0.5)}
`;

runtimeContract({
  title: 'Python, by its own host',
  plugin: () => testPython().then(hostedPython),
  format: 'python',
  backend: 'python',
  arithmetic: { 'model.py': ARITHMETIC, 'signature.json': signature(['a', 'b'], ['sum', 'product', 'maximum'], 3) },
  direct: {
    model: { 'model.py': DENSE, 'signature.json': signature(['x'], ['y'], 2) },
    answer: ({ folder }, x) => {
      const script = `import json, sys, numpy as np; from model import Model
x = np.array(json.loads(sys.argv[1]), np.float32).reshape(-1, 2)
print(json.dumps(Model().predict({"x": x})["y"].reshape(-1).tolist()))`;
      const printed = execFileSync(interpreter, ['-c', script, JSON.stringify([...x])], { cwd: folder, encoding: 'utf8' });
      return Promise.resolve(Float32Array.from(JSON.parse(printed) as number[]));
    },
  },
  broken: [
    { title: 'a model.py without a signature', files: { 'model.py': ARITHMETIC }, message: /declare the signature of the version/ },
    { title: 'a model.py without a class', files: { 'model.py': '', 'signature.json': signature(['x'], ['y'], 2) }, message: /no class Model/ },
    { title: 'a model.py that raises', files: { 'model.py': '1 / 0', 'signature.json': signature(['x'], ['y'], 2) }, message: /division by zero/ },
    {
      title: 'a model.py that ends the process',
      files: { 'model.py': 'import os; os._exit(7)', 'signature.json': signature(['x'], ['y'], 2) },
      message: /code 7/,
    },
  ],
});

describe('the Python host', () => {
  it.each([
    ['sklearn-pickle', 'model.pkl', 'no pickle', /model\.pkl is no pickle that can be read/],
    ['sklearn-joblib', 'model.joblib', 'no file', /model\.joblib is no joblib file that can be read/],
    ['sklearn-skops', 'model.skops', 'no archive', /model\.skops is no skops file: File is not a zip file/],
    ['xgboost', 'model.json', '{"learner":1}', /model\.json is no XGBoost model/],
    ['lightgbm', 'model.txt', 'tree\nversion=v4\n', /model\.txt is no LightGBM model/],
  ])('refuses a broken file of the format %s', async (format, name, content, message) => {
    await expect(hostedPython(interpreter).load(modelFolder(format, { [name]: content }), options, never)).rejects.toThrow(message);
  });

  it('refuses a pickle that reaches for a module which is there only once another name was loaded', async () => {
    const pickle = 'clightgbm.sklearn\nLGBMClassifier\n0csklearn.utils\nmetaestimators\n.';
    const loading = hostedPython(interpreter).load(modelFolder('sklearn-pickle', { 'model.pkl': pickle }), options, never);
    await expect(loading).rejects.toThrow('model.pkl reaches for sklearn.utils.metaestimators, which is no class that a model is made of');
  });

  it.each([
    ['whose compiled losses name a module that is not theirs', 'HistGradientBoostingClassifier(max_iter=2)'],
    ['of a search, whose results are masked arrays', 'GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2)'],
  ])('loads a pickle %s', async (_what, estimator) => {
    const artifact = modelFolder('sklearn-pickle', { 'model.pkl': '' });
    const script = `import pickle
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier
model = ${estimator}.fit([[i] for i in range(60)], [i // 30 for i in range(60)])
pickle.dump(model, open("model.pkl", "wb")); print(model.predict([[7], [50]]).tolist())`;
    expect(runPython(interpreter, script, artifact.folder)).toEqual([0, 1]);
    const loaded = await hostedPython(interpreter).load(artifact, { ...options, scratch: modelFolder('scratch', {}).folder }, never);
    const inputs: Tensor[] = [{ name: 'X', datatype: 'FP64', shape: [2, 1], data: Float64Array.of(7, 50) }];
    expect(await loaded.infer(inputs, ['predict'], never)).toMatchObject([{ name: 'predict', data: BigInt64Array.of(0n, 1n) }]);
    await loaded.dispose();
  });

  it('answers on after a model has ended its thread', async () => {
    const model = `
import sys
class Model:
    def predict(self, inputs):
        if inputs["x"][0, 0] < 0:
            sys.exit("no negative numbers")
        return {"y": inputs["x"]}
`;
    const loaded = await hostedPython(interpreter).load(
      modelFolder('python', { 'model.py': model, 'signature.json': signature(['x'], ['y'], 1) }),
      { ...options, scratch: modelFolder('scratch', {}).folder },
      never,
    );
    const infer = (value: number) => loaded.infer([{ name: 'x', datatype: 'FP32', shape: [1, 1], data: Float32Array.of(value) }], undefined, never);
    await expect(infer(-1)).rejects.toThrow('no negative numbers');
    expect(await infer(2)).toMatchObject([{ name: 'y' }]);
    await loaded.dispose();
  });

  it('imports nothing from among the files of a version', async () => {
    const artifact = modelFolder('sklearn-pickle', { 'model.pkl': 'no pickle', 'numpy.py': 'raise SystemExit("imported")' });
    await expect(hostedPython(interpreter).load(artifact, options, never)).rejects.toThrow(/is no pickle/);
  });
});

describe.runIf(process.platform === 'linux')("a model's code", () => {
  const attempt = async (code: string): Promise<string> => {
    const model = `
class Model:
    def load(self, folder, options):
        import os, socket, subprocess
        raise Exception(repr(${code}))
`;
    const files = { 'model.py': model, 'signature.json': signature(['x'], ['y'], 2) };
    return hostedPython(interpreter)
      .load(modelFolder('python', files), { ...options, scratch: modelFolder('scratch', {}).folder }, never)
      .then(
        () => 'loaded',
        (error: unknown) => (error as Error).message,
      );
  };

  it.each([
    ['read a file outside', `open("${import.meta.filename}").read()`, /PermissionError.*Permission denied/],
    ['list a folder outside', 'os.listdir("/tmp")', /PermissionError/],
    ['write outside', 'open("/tmp/pilothouse-was-here", "w")', /PermissionError/],
    ["read another process's environment", `open("/proc/${process.pid}/environ").read()`, /PermissionError/],
    ['run a program', 'subprocess.run(["/bin/true"])', /PermissionError/],
    ['connect to a port', 'socket.create_connection(("127.0.0.1", 9), 1)', /PermissionError|OSError/],
    ['signal another process', `os.kill(${process.pid}, 0)`, /PermissionError/],
  ])('cannot %s', async (_title, code, message) => {
    expect(await attempt(code)).toMatch(message);
  });

  it('cannot do more by a package that runs code when Python starts', async () => {
    const artifact = modelFolder('sklearn-pickle', { 'model.pkl': 'no pickle', 'requirements.txt': REQUIREMENTS });
    const cache = modelFolder('cache', {}).folder;
    // An environment of these requirements, with one package that is not as it should be.
    const environment = join(cache, basename(dirname(dirname(interpreter))));
    execFileSync(interpreter, ['-m', 'venv', '--without-pip', '--copies', environment]);
    const [library] = readdirSync(join(environment, 'lib'));
    const escaped = join(cache, 'escaped');
    const code = `import os, sys; sys.stderr.write("the package ran\\n"); open(${JSON.stringify(escaped)}, "w")\n`;
    writeFileSync(join(environment, 'lib', library!, 'site-packages', 'evil.pth'), code);
    const host = await python.host({ artifact, options: {}, threads: 1, python: 'python3', cache, signal: never, progress: () => undefined });
    const [program, ...args] = host.command;
    const { stdout, stderr } = spawnSync(program!, [...args, ...host.idle!], { encoding: 'utf8' });
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^idle \d+ \d+\n$/), expect.stringMatching(/the package ran\n[^]*PermissionError/)]);
    const request = { ...artifact, runtime: 'python', sample: null, threads: 1, runtimes: [], options: {}, declaredSignature: null };
    await expect(loadHosted(host, { ...request, scratch: modelFolder('scratch', {}).folder }, never)).rejects.toThrow(/has no NumPy/);
    expect(existsSync(escaped)).toBe(false);
  });

  it('can write to its scratch folder', async () => {
    expect(await attempt('open(os.environ["TMPDIR"] + "/note", "w").write("four")')).toBe('Exception: 4');
  });
});
