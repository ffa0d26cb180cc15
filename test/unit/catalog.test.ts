import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { absoluteModules, loadCatalog, loadPlugin } from '../../runtimes/catalog.js';
import { matchesGlob } from '../../runtimes/glob.js';

const outside = fileURLToPath(new URL('../support/outside-plugin/plugin.mjs', import.meta.url));
let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'ph-plugins-'))));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function module(source: string): string {
  const path = join(folder, `plugin-${count++}.mjs`);
  writeFileSync(path, source);
  return path;
}
const FORMAT = `{ name: 'f', description: '', files: ['*.f'], priority: 1 }`;
const plugin = (fields: string) => module(`export default { name: 'p', contractVersion: 2, formats: [${FORMAT}], load() {}, ${fields} }`);

describe('the runtime catalog', () => {
  it('has the built-in plugins and the configured ones', async () => {
    const catalog = await loadCatalog([outside]);
    expect(catalog.plugins.map((entry) => entry.name)).toEqual(['onnx', 'tfjs', 'python', 'elementwise']);
    const python = ['sklearn-skops', 'sklearn-joblib', 'sklearn-pickle', 'xgboost', 'lightgbm', 'python'];
    expect(catalog.formats.map((entry) => entry.name)).toEqual(['onnx', 'tfjs-layers', 'tfjs-graph', 'tensorflow-savedmodel', ...python, 'elementwise']);
    expect(catalog.pluginFor('tfjs-graph')?.name).toBe('tfjs');
    expect(catalog.pluginFor('pmml')).toBeUndefined();
    expect(catalog.plugin('elementwise')).toBe(catalog.pluginFor('elementwise'));
  });

  it('finds modules by relative path and by the name of a package', async () => {
    const { mkdirSync, copyFileSync } = await import('node:fs');
    mkdirSync(join(folder, 'node_modules', 'my-runtime'), { recursive: true });
    copyFileSync(outside, join(folder, 'node_modules', 'my-runtime', 'index.mjs'));
    copyFileSync(outside, join(folder, 'relative.mjs'));
    writeFileSync(join(folder, 'node_modules', 'my-runtime', 'package.json'), '{"name":"my-runtime","main":"index.mjs"}');
    expect((await loadPlugin('elementwise', ['my-runtime'], folder)).name).toBe('elementwise');
    expect((await loadPlugin('elementwise', ['./relative.mjs'], folder)).name).toBe('elementwise');
    expect(absoluteModules(['my-runtime', './relative.mjs', '/a/b.mjs'], folder)).toEqual(['my-runtime', join(folder, 'relative.mjs'), '/a/b.mjs']);
  });

  const GRAPH = '{"format":"graph-model","modelTopology":{"node":[]}}';
  const LAYERS = '{"modelTopology":{"class_name":"Sequential"},"format" : "layers-model"}';
  it.each<[string, Record<string, string>, string]>([
    ['model.onnx', { 'model.onnx': '', 'weights.bin': '' }, 'onnx'],
    ['a model in a folder', { 'nets/deep/model.onnx': '' }, 'onnx'],
    ['a SavedModel', { 'saved_model.pb': '', 'variables/variables.index': '', 'assets/model.json': LAYERS }, 'tensorflow-savedmodel'],
    ['a layers model', { 'model.json': LAYERS, 'weights.bin': '' }, 'tfjs-layers'],
    ['a graph model', { 'model.json': GRAPH, 'weights.bin': '' }, 'tfjs-graph'],
    ['a graph model beside other JSON', { 'labels.json': '["cat"]', 'pets.json': GRAPH, 'pets.weights.bin': '' }, 'tfjs-graph'],
    ['a layers model of another name', { 'pets.json': LAYERS, 'pets.weights.bin': '' }, 'tfjs-layers'],
    ['a graph model that does not say it', { 'model.json': '{ "modelTopology": { "node": [] } }' }, 'tfjs-graph'],
    ['a layers model that does not say it', { 'model.json': '{"modelTopology":{"keras_version":"2.2.4","model_config":{}}}' }, 'tfjs-layers'],
    ['a skops file with its requirements', { 'model.skops': '', 'requirements.txt': 'numpy' }, 'sklearn-skops'],
    ['a pickle', { 'iris.pickle': '' }, 'sklearn-pickle'],
    ['a joblib file', { 'iris.joblib': '' }, 'sklearn-joblib'],
    ['XGBoost in binary', { 'model.ubj': '{L' }, 'xgboost'],
    ['XGBoost as JSON', { 'model.json': '{"learner":{"attributes":{}}}' }, 'xgboost'],
    ['LightGBM', { 'model.txt': 'tree\nversion=v4\n', 'requirements.txt': 'numpy' }, 'lightgbm'],
    ['a model.py beside its pickle', { 'model.py': '', 'weights.pkl': '' }, 'python'],
    ['a model.json that cannot be read, so that loading it says why', { 'model.json': '{"format"' }, 'tfjs-layers'],
  ])('detects %s', async (_title, files, format) => {
    const found = await (await loadCatalog([])).detect(Object.keys(files), (path) => Promise.resolve(files[path]));
    expect(found?.name).toBe(format);
  });

  it.each<[string, Record<string, string | undefined>]>([
    ['another kind of file', { 'model.pt': '' }],
    ['requirements alone', { 'requirements.txt': 'numpy==2.3.0' }],
    ['no file', {}],
    ['JSON that is no model', { 'labels.json': '{"note":"\\"modelTopology\\":{"}', 'a.weights.bin': '' }],
    ['JSON that is too long to be looked into', { 'model.json': undefined }],
  ])('detects nothing in %s', async (_title, files) => {
    expect(await (await loadCatalog([])).detect(Object.keys(files), (path) => Promise.resolve(files[path]))).toBeUndefined();
  });

  it.each<[string, () => string, RegExp]>([
    ['a missing file', () => './missing.mjs', /runtime plugin "\.\/missing\.mjs" \(.*\/missing\.mjs\) cannot be loaded: Cannot find module/],
    ['a missing package', () => 'no-such-runtime', /runtime plugin "no-such-runtime" \(package no-such-runtime\) cannot be loaded/],
    ['a module that throws', () => module('throw new Error("at its top")'), /plugin-\d+\.mjs" .* cannot be loaded: at its top/],
    ['no default export', () => module('export const plugin = {}'), /is malformed: its default export is missing/],
    ['no name', () => plugin('name: undefined'), /is malformed: name must be a string like "onnx".*not undefined/],
    ['a name that is none', () => plugin(`name: 'A B'`), /name must be a string like "onnx" .*not "A B"/],
    ['an older contract', () => plugin('contractVersion: 1'), /plugin-\d+\.mjs" .* it was written for contract version 1; this Pilothouse speaks 2/],
    [
      'a schema of options that is none',
      () => plugin('optionsSchema: {}'),
      /optionsSchema must be a Standard Schema of version 1, such as a zod schema, not {}/,
    ],
    ['no load', () => plugin('load: 1'), /load must be a function, not 1/],
    ['no formats', () => plugin('formats: []'), /formats must be a list of at least one format, not \[\]/],
    [
      'a format without patterns',
      () => plugin(`formats: [{ name: 'f', description: '', files: [], priority: 1 }]`),
      /formats\[0\]\.files must be a list of glob patterns/,
    ],
    [
      'a format without priority',
      () => plugin(`formats: [{ name: 'f', description: '', files: ['*.f'] }]`),
      /formats\[0\]\.priority must be a number, not undefined/,
    ],
    [
      'a format that recognizes nothing',
      () => plugin(`formats: [{ name: 'f', description: '', files: ['*.f'], recognizes: true, priority: 1 }]`),
      /formats\[0\]\.recognizes must be a function or absent, not true/,
    ],
    ['a name that is taken', () => plugin(`name: 'onnx'`), /two runtime plugins have the name "onnx"/],
    [
      'a format that is taken',
      () => plugin(`formats: [{ name: 'onnx', description: '', files: ['*.f'], priority: 1 }]`),
      /the format "onnx" is claimed by the runtime plugins "onnx" and "p"/,
    ],
  ])('refuses %s by name, with its path and cause', async (_title, path, message) => {
    await expect(loadCatalog([path()], folder)).rejects.toThrow(message);
  });
});

describe('glob patterns', () => {
  it.each<[string, string, boolean]>([
    ['*.onnx', 'a.onnx', true],
    ['*.onnx', 'b/a.onnx', false],
    ['**/*.onnx', 'a.onnx', true],
    ['**/*.onnx', 'b/c/a.onnx', true],
    ['**/*.onnx', 'a.onnx.bak', false],
    ['*.onnx', 'a+onnx', false],
    ['data/**', 'data/x/y', true],
    ['*.{pkl,pickle}', 'a.pickle', true],
    ['*.{pkl,pickle}', 'a.pkl', true],
    ['*.{pkl,pickle}', 'a.pk', false],
    ['m?.json', 'm1.json', true],
    ['m?.json', 'm/.json', false],
  ])('%s and %s: %s', (pattern, path, matches) => {
    expect(matchesGlob(pattern, path)).toBe(matches);
  });
});
