import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test, vi } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { validateVersion, type ValidationRequest } from '../../server/registry/validation.js';
import { modelFolder, nothingDeclared, removeModelFolders, type ModelFiles } from '../support/models/folder.js';
import { dynamicallyQuantisedModel, identityModel, mlpModel, operatorModel, rowMeansModel } from '../support/models/onnx.js';
import { denseLayers } from '../support/models/tensorflow.js';

// Each test starts processes that load a runtime.
vi.setConfig({ testTimeout: 120_000 });
afterAll(removeModelFolders);

async function verdictOf(files: ModelFiles, changes: Partial<ValidationRequest> = {}) {
  const format = changes.format ?? 'onnx';
  const { folder, files: paths } = modelFolder(format, files);
  const result = await validateVersion({
    folder,
    files: paths,
    format,
    runtime: 'onnx',
    sample: null,
    ...nothingDeclared(),
    outsideModules: [],
    timeoutMs: 120_000,
    memoryBytes: 512 * 1024 ** 2,
    ...changes,
  });
  if (result.state === 'REJECTED') throw new Error(result.reason);
  return result.rowIndependence;
}

const sampleFile = (...path: string[]): Buffer => readFileSync(join(PROJECT_ROOT, 'server', 'samples', ...path));
const pairs = [{ name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, -0.7, 0.3, 0.9] }];
const digits = (JSON.parse(sampleFile('digits', 'lineage.json').toString()) as { samples: { values: number[] }[] }).samples.slice(0, 3);

test.each<[string, ModelFiles, Partial<ValidationRequest>]>([
  ['the sample model digits', { 'digits.onnx': sampleFile('digits', 'digits.onnx') }, {}],
  [
    'digits, with real images',
    { 'digits.onnx': sampleFile('digits', 'digits.onnx') },
    { sample: [{ name: 'pixels', datatype: 'FP32', shape: [3, 64], data: digits.flatMap(({ values }) => values) }] },
  ],
  ['a fully connected network', { 'model.onnx': mlpModel(784, 512, 512, 10) }, {}],
  ['texts passed through', { 'model.onnx': identityModel('BYTES', ['n', 2]) }, { sample: [{ name: 'x', datatype: 'BYTES', shape: [1, 2], data: ['a', 'b'] }] }],
  ['means of rows of 48 bytes', { 'model.onnx': rowMeansModel(12) }, {}],
  ['integers passed through', { 'model.onnx': identityModel('INT64', ['n']) }, {}],
])('INDEPENDENT: %s', async (_, files, changes) => {
  expect(await verdictOf(files, changes)).toMatchObject({ verdict: 'INDEPENDENT' });
});

// Its WebAssembly sums in another order from some batch size on; its native binding need not.
test.each<[string, ModelFiles, Partial<ValidationRequest>]>([
  [
    'the sample model iris, on TensorFlow.js',
    { 'model.json': sampleFile('iris', 'model.json'), 'weights.bin': sampleFile('iris', 'weights.bin') },
    { runtime: 'tfjs', format: 'tfjs-layers' },
  ],
  ['a dense layer, on TensorFlow.js', denseLayers(), { runtime: 'tfjs', format: 'tfjs-layers' }],
])('INDEPENDENT, or but for ROUNDING: %s', async (_, files, changes) => {
  const { verdict, reason } = await verdictOf(files, changes);
  if (verdict === 'ROUNDING') expect(reason).toMatch(/^output "\w+" of row \d was \S+ .* and \S+ alone$/);
  else expect(verdict).toBe('INDEPENDENT');
});

// Onnxruntime sums a row of 52 bytes in another order at another place of the batch.
test('ROUNDING: means of rows of 52 bytes', async () => {
  expect(await verdictOf({ 'model.onnx': rowMeansModel(13) })).toEqual({
    verdict: 'ROUNDING',
    reason: expect.stringMatching(/^output "y" of row \d was \S+ in a batch of \d+ and \S+ alone$/),
  });
});

test.each<[string, string, Buffer, RegExp]>([
  ['DEPENDENT', 'dynamic quantisation', dynamicallyQuantisedModel(), /^output "y" of row \d was \S+ .* and \S+ alone$/],
  [
    'DEPENDENT',
    'softmax over the batch',
    operatorModel('Softmax', [{ name: 'axis', int: 0 }], ['rows', 2]),
    /output "y" of row \d was \S+ in a batch of 2 and 1 alone/,
  ],
  [
    'FIXED',
    'the largest of the batch',
    operatorModel(
      'ReduceMax',
      [
        { name: 'axes', ints: [0] },
        { name: 'keepdims', int: 1 },
      ],
      ['one', 2],
    ),
    /output "y" has the shape \[1, 2\], which/,
  ],
  ['FIXED', 'where it is not zero', operatorModel('NonZero', [], ['dimensions', 'found'], 'INT64'), /output "y" has the shape \[2, -1\], which/],
  ['FIXED', 'a scalar', operatorModel('ReduceSum', [{ name: 'keepdims', int: 0 }], []), /output "y" has the shape \[\]/],
  ['FIXED', 'a batch of two', identityModel('FP32', [2, 2]), /input "x" has the shape \[2, 2\]/],
])('%s: %s', async (verdict, _, model, reason) => {
  expect(await verdictOf({ 'model.onnx': model }, { sample: pairs })).toEqual({ verdict, reason: expect.stringMatching(reason) });
});

test.each([
  ['fails', 'fail', {}, /^an inference in a batch of 2 failed: 2 are a crowd$/],
  ['crashes', 'crash', {}, /^the rows could not be compared: the validating process was ended by SIGSEGV without an answer/],
  ['never ends', 'hang', { timeoutMs: 10_000 }, /^the rows could not be compared: it gave no answer within 10000 ms$/],
  ['needs more memory than there is', 'hoard', {}, /^(the rows could not be compared: )?.*(memory|allocation)/i],
])('a model that answers and then %s on a batch is READY, and UNKNOWN', async (_, batch, changes, reason) => {
  const lonely = { runtime: 'lonely', format: 'lonely', outsideModules: [fileURLToPath(new URL('../support/outside-plugin/lonely.mjs', import.meta.url))] };
  expect(await verdictOf({ 'model.lonely.json': JSON.stringify({ batch }) }, { ...lonely, ...changes })).toEqual({
    verdict: 'UNKNOWN',
    reason: expect.stringMatching(reason),
  });
});
