import { describe, expect, it } from 'vitest';
import { createTfjsPlugin } from '../../runtimes/tfjs/plugin.js';
import { modelFolder } from '../support/models/folder.js';
import { graphModel, identitySavedModel, operation, placeholder } from '../support/models/tensorflow.js';
import { tfjsContract } from './runtimes-tfjs.suite.js';
import { kernelContract } from './tfjs-kernels.suite.js';
import { fp32, never, options } from './runtimes.suite.js';

tfjsContract('wasm');
kernelContract('wasm');

describe('tfjs without native TensorFlow', () => {
  const plugin = createTfjsPlugin(['wasm', 'cpu']);

  it('refuses a SavedModel with a message that says how to get it', async () => {
    const load = plugin.load(modelFolder('tensorflow-savedmodel', identitySavedModel('FLOAT', [-1])), options, never);
    await expect(load).rejects.toThrow(/SavedModel needs native TensorFlow: .*`npm run build:tfjs-node`.*convert the model/);
  });

  it('computes with the backend that validated the version, also where a faster one is there', async () => {
    const artifact = () => modelFolder('tfjs-graph', graphModel([placeholder('x', [-1]), operation('y', 'Neg', ['x'])]));
    for (const backend of ['cpu', 'wasm', 'cpu']) {
      const model = await plugin.load(artifact(), { ...options, backend }, never);
      expect(model).toMatchObject({ backend, library: expect.stringMatching(/^TensorFlow\.js \d+\.\d+\.\d+$/) as string });
      expect(await model.infer([fp32('x', [1], [3])], undefined, never)).toEqual([fp32('y', [1], [-3])]);
      await model.dispose();
    }
  });

  it.each([
    [
      'tensorflow',
      /^the version was validated on the backend tensorflow, which is not available here: tensorflow: the runtime does not have it\. Make it available, or register/,
    ],
    ['webgpu', /^the version was validated on the backend webgpu, which is not available here/],
  ])('refuses a version that was validated on %s, and says so', async (backend, message) => {
    const load = plugin.load(modelFolder('tfjs-graph', graphModel([placeholder('x', [-1]), operation('y', 'Neg', ['x'])])), { ...options, backend }, never);
    await expect(load).rejects.toThrow(message);
  });

  it('says how to get native TensorFlow to a version that was validated on it', async () => {
    const nativeCache = '/no/such/cache';
    const load = createTfjsPlugin().load(
      modelFolder('tfjs-graph', graphModel([placeholder('x', [-1]), operation('y', 'Neg', ['x'])])),
      { ...options, backend: 'tensorflow', nativeCache },
      never,
    );
    await expect(load).rejects.toThrow(
      /validated on the backend tensorflow, .*`npm run build:tfjs-node`.*PILOTHOUSE_TFJS_NODE_CACHE.*or register the version again/,
    );
  });
});
