/** What the three kinds of model have in common, and what is done around each of them. */
import type { Tensor as TfTensor } from '@tensorflow/tfjs-core';
import type { LoadedModel } from '../contract.js';
import type { Signature } from '../tensor.js';
import { libraryOf, type Library } from './library.js';
import { fromTf, toTf } from './tensors.js';

export type Feeds = ReadonlyMap<string, TfTensor>;

export interface TfModel {
  readonly signature: Signature;
  /** All outputs by name, for the caller to dispose. */
  readonly run: (feeds: Feeds) => Promise<Feeds>;
  dispose(): void;
}

export function loadedModel(library: Library, model: TfModel): LoadedModel {
  const { core } = library;
  const { signature } = model;
  return {
    signature,
    get backend() {
      return core.getBackend();
    },
    get library() {
      return libraryOf(core);
    },
    async infer(inputs, requestedOutputs, signal) {
      signal.throwIfAborted();
      const outputs = await runOnce(model.run, new Map(inputs.map((input) => [input.name, toTf(core, input)])));
      try {
        const wanted = requestedOutputs ? requestedOutputs.map((name) => signature.outputs.find((output) => output.name === name)!) : signature.outputs;
        return wanted.map((spec) => fromTf(core, spec, outputs.get(spec.name)!));
      } finally {
        for (const tensor of outputs.values()) tensor.dispose();
      }
    },
    memoryBytes: () => core.memory().numBytes,
    dispose: () => Promise.resolve(model.dispose()),
  };
}

/** Disposes the inputs; the outputs are the caller's. */
export async function runOnce(run: TfModel['run'], feeds: Feeds): Promise<Feeds> {
  try {
    const outputs = await run(feeds);
    // An output may be an input as it is, which is disposed below.
    const given = new Set(feeds.values());
    return new Map([...outputs].map(([name, tensor]) => [name, given.has(tensor) ? tensor.clone() : tensor]));
  } finally {
    for (const tensor of feeds.values()) tensor.dispose();
  }
}
