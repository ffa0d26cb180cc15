import { describe, expect, it } from 'vitest';
import { createTfjsPlugin } from '../../runtimes/tfjs/plugin.js';
import { modelFolder } from '../support/models/folder.js';
import { graphModel, identitySavedModel, operation, placeholder } from '../support/models/tensorflow.js';
import { tfjsContract } from './runtimes-tfjs.suite.js';
import { fp32, never, options } from './runtimes.suite.js';

tfjsContract('wasm');

describe('tfjs without native TensorFlow', () => {
  const plugin = createTfjsPlugin(['wasm', 'cpu']);

  it('refuses a SavedModel with a message that says how to get it', async () => {
    const load = plugin.load(modelFolder('tensorflow-savedmodel', identitySavedModel('FLOAT', [-1])), options, never);
    await expect(load).rejects.toThrow(/SavedModel needs native TensorFlow: .*`npm run build:tfjs-node`.*convert the model/);
  });

  it('goes on in plain JavaScript, and says so, where WebAssembly lacks an operation', async () => {
    // einsum('ij,jk->ik'): the equation is base64, as protobuf's JSON has bytes.
    const einsum = operation('y', 'Einsum', ['x', 'x'], {
      T: { type: 'DT_FLOAT' },
      N: { i: '2' },
      equation: { s: Buffer.from('ij,jk->ik').toString('base64') },
    });
    const model = await plugin.load(modelFolder('tfjs-graph', graphModel([placeholder('x', [2, 2]), einsum])), options, never);
    expect(await model.infer([fp32('x', [2, 2], [1, 2, 3, 4])], undefined, never)).toEqual([fp32('y', [2, 2], [7, 10, 15, 22])]);
    expect(model.backend).toBe('cpu');
    await model.dispose();
  });
});
