/**
 * The sweep in short: some of every kernel's cases on WebAssembly, with our checks and rules, against plain JavaScript.
 * `npm run sweep:tfjs` runs all of them, and writes docs/reference/tfjs-kernels.md.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { loadLibrary, type Library } from '../../runtimes/tfjs/library.js';
import { CASES } from '../sweep/cases.mjs';
import { CHECK } from '../sweep/libraries.mjs';
import { Sweep, VERDICTS } from '../sweep/run.mjs';
import { options } from './runtimes.suite.js';

/** Cases of one kernel, evenly spread over its list. */
const MOST = 16;
const some = <T>(cases: readonly T[]): T[] => cases.filter((_, i) => Math.floor((i * MOST) / cases.length) !== Math.floor(((i - 1) * MOST) / cases.length));

describe('every kernel of TensorFlow.js on WebAssembly', () => {
  let library: Library;
  let sweep: Sweep;

  beforeAll(async () => {
    library = await loadLibrary(['wasm'], options);
    // Plain JavaScript advises the native package, and some kernels tell of their own limits.
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    sweep = new Sweep(library.core, 'wasm', CHECK);
  });

  it('has cases', () => {
    const kernels = library.core.getKernelsForBackend('wasm').map(({ kernelName }) => kernelName);
    // The operation of this name is composed of others, and nothing else calls the kernel. The rest is plain JavaScript alone.
    const without = kernels.filter((kernel) => !(kernel in CASES) && kernel !== 'LogicalXor');
    expect(without.sort()).toEqual([
      'Complex',
      'ComplexAbs',
      'Conv2DBackpropFilter',
      'DepthwiseConv2dNativeBackpropFilter',
      'DepthwiseConv2dNativeBackpropInput',
      'Draw',
      'Einsum',
      'FFT',
      'IFFT',
      'Imag',
      'RaggedGather',
      'RaggedRange',
      'RaggedTensorToTensor',
      'Real',
      'StaticRegexReplace',
      'UnsortedSegmentSum',
    ]);
  });

  it.each(Object.entries(CASES))('%s answers as plain JavaScript does, or refuses', (kernel, cases) => {
    const faults = some(cases).flatMap((given) => {
      const { verdict, detail } = sweep.run(kernel, given);
      return verdict === 'equal' || verdict === 'refused' ? [] : [`${kernel}, ${given.title}: ${VERDICTS[verdict]}: ${detail}`];
    });
    expect(faults).toEqual([]);
  });

  it('refuses a tensor that WebAssembly has no memory for', () => {
    const { core } = library;
    const one = core.ones([1]);
    expect(() => core.tile(one, [2 ** 30 + 4])).toThrow('no memory for a tensor of 4294967312 bytes');
    one.dispose();
  });
});
