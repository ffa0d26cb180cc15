import { createRequire } from 'node:module';
import util from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { chosenBuild } from '../../runtimes/tfjs/native-cache.js';
import { loadLibrary } from '../../runtimes/tfjs/library.js';
import { createTfjsPlugin } from '../../runtimes/tfjs/plugin.js';
import type { Tensor } from '../../runtimes/tensor.js';
import { modelFolder, removeModelFolders } from '../support/models/folder.js';
import { arithmeticSavedModel, castSavedModel, denseSavedModel, identitySavedModel } from '../support/models/tensorflow.js';
import { tfjsContract } from './runtimes-tfjs.suite.js';
import { CASES } from '../sweep/cases.mjs';
import { CHECK } from '../sweep/libraries.mjs';
import { Sweep } from '../sweep/run.mjs';
import { kernelContract } from './tfjs-kernels.suite.js';
import { nativeCache, never, options, runtimeContract } from './runtimes.suite.js';

const build = chosenBuild(nativeCache);
const require = createRequire(import.meta.url);

if (build) native(build.packagePath);
else describe.skip('tfjs on tensorflow: this installation has none (npm run build:tfjs-node)', () => it('has nothing to run', () => undefined));

function native(packagePath: string): void {
  // The library is also called directly here, and then by its own path.
  (util as unknown as Record<string, unknown>)['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  tfjsContract('tensorflow', packagePath);
  kernelContract('tensorflow');

  it.each(['Select', 'FusedBatchNorm', 'ClipByValue', 'Concat', 'Step', 'StridedSlice'])(
    '%s answers as plain JavaScript where the binding does not',
    async (kernel) => {
      const { core } = await loadLibrary(['tensorflow'], options);
      const sweep = new Sweep(core, 'tensorflow', CHECK);
      const numeric = CASES[kernel]!.filter(({ title }) => title !== 'string');
      const faults = numeric
        .map((given) => ({ title: given.title, ...sweep.run(kernel, given) }))
        .filter(({ verdict }) => verdict !== 'equal' && verdict !== 'refused');
      expect(faults).toEqual([]);
    },
  );

  runtimeContract({
    title: 'tfjs SavedModel',
    plugin: () => Promise.resolve(plugin),
    format: 'tensorflow-savedmodel',
    backend: 'tensorflow',
    arithmetic: arithmeticSavedModel(),
    direct: {
      model: denseSavedModel(),
      answer: async ({ folder }, x) => {
        const tf = require(packagePath) as {
          tensor(data: Float32Array, shape: number[]): object;
          node: { loadSavedModel(path: string): Promise<{ predict(x: object): { dataSync(): Float32Array }; dispose(): void }> };
        };
        const model = await tf.node.loadSavedModel(folder);
        const y = model.predict(tf.tensor(x, [x.length / 2, 2])).dataSync();
        model.dispose();
        return y;
      },
    },
    broken: [
      { title: 'a corrupt file', files: { 'saved_model.pb': 'this is no model' }, message: /./ },
      {
        title: 'another signature',
        files: identitySavedModel('FLOAT', [-1], 'train'),
        message: /no signature serving_default under the tag serve; it has \[serve\] with train/,
      },
      { title: 'float64', files: identitySavedModel('DOUBLE', [-1]), message: /DT_DOUBLE/ },
      { title: 'an output of uint8', files: identitySavedModel('UINT8', [-1]), message: /output "y" is of type DT_UINT8, which TensorFlow\.js cannot carry/ },
      {
        title: 'an input without a known shape',
        files: identitySavedModel('FLOAT', [-1], undefined, { y: [-1] }),
        message: /input "x" has no known number of dimensions/,
      },
      { title: 'no model', files: { 'readme.txt': '' }, message: /no saved_model\.pb among readme\.txt/ },
    ],
  });

  describe('SavedModel tensors', () => {
    afterAll(removeModelFolders);

    it.each([
      ['INT64', 'INT64', BigInt64Array.of(-(2n ** 63n), 9007199254740993n)],
      ['INT32', 'INT32', Int32Array.of(-5, 7)],
      ['BOOL', 'BOOL', Uint8Array.of(1, 0)],
    ] as const)('%s keeps every bit, there and back', async (datatype, type, data) => {
      const model = await plugin.load(modelFolder('tensorflow-savedmodel', identitySavedModel(type, [-1])), options, never);
      expect(model.signature.inputs).toEqual([{ name: 'x', datatype, shape: [-1] }]);
      const input: Tensor = { name: 'x', datatype, shape: [2], data };
      expect(await model.infer([input], undefined, never)).toEqual([{ name: 'y', datatype, shape: [2], data }]);
      await model.dispose();
    });

    it('finds out the shape of an output that does not say it', async () => {
      const model = await plugin.load(modelFolder('tensorflow-savedmodel', identitySavedModel('INT64', [-1, 3], undefined, { x: [-1, 3] })), options, never);
      expect(model.signature.outputs).toEqual([{ name: 'y', datatype: 'INT64', shape: [-1, 3] }]);
      await model.dispose();
    });

    it('takes uint8, as images come', async () => {
      const model = await plugin.load(modelFolder('tensorflow-savedmodel', castSavedModel('UINT8', [-1])), options, never);
      expect(model.signature.inputs).toEqual([{ name: 'x', datatype: 'UINT8', shape: [-1] }]);
      const [y] = await model.infer([{ name: 'x', datatype: 'UINT8', shape: [3], data: Uint8Array.of(0, 128, 255) }], undefined, never);
      expect([...(y!.data as Float32Array)]).toEqual([0, 128, 255]);
      await model.dispose();
    });

    it('carries text that is no UTF-8', async () => {
      const model = await plugin.load(modelFolder('tensorflow-savedmodel', identitySavedModel('STRING', [-1])), options, never);
      const [y] = await model.infer([{ name: 'x', datatype: 'BYTES', shape: [2], data: [Buffer.from('grün'), Buffer.from([0xff, 0])] }], undefined, never);
      expect((y!.data as Uint8Array[]).map((element) => [...element])).toEqual([[...Buffer.from('grün')], [0xff, 0]]);
      await model.dispose();
    });
  });
}

const plugin = createTfjsPlugin(['tensorflow']);
