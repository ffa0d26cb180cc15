/** TensorFlow.js as its packages come, and as Pilothouse uses it. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** What our own checks say. */
export const CHECK = /: the (index|image|first places|paddings|crops|repetitions|sizes|result would)|; they must be as many|cannot come from an image/;

export async function bare() {
  const core = require('@tensorflow/tfjs-core');
  require('@tensorflow/tfjs-backend-cpu');
  const path = require.resolve('@tensorflow/tfjs-backend-wasm');
  require(path).setWasmPaths(join(dirname(path), '/'));
  await core.setBackend('wasm');
  return { core, backend: 'wasm' };
}

export async function guarded(backend = 'wasm') {
  const { loadLibrary } = await import('../../dist/runtimes/tfjs/library.js');
  const { core } = await loadLibrary([backend], { threads: 1, log: () => {} });
  return { core, backend };
}
