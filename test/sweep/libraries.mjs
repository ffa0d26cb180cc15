/** TensorFlow.js as its packages come, and as Pilothouse uses it. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** What our own checks say. */
export const CHECK = /: the (index|matrices|image|first places|paddings|crops|repetitions|sizes|result would)|; they must be as many|cannot come from an image/;

/** @param {string} backend `wasm` or `tensorflow` */
export async function bare(backend = 'wasm') {
  if (backend === 'tensorflow') {
    const { chosenBuild } = await import('../../dist/runtimes/tfjs/native-cache.js');
    const util = require('node:util');
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    util.isArray ??= Array.isArray;
    return { core: require(chosenBuild(process.env.PILOTHOUSE_TFJS_NODE_CACHE).packagePath), backend };
  }
  const core = require('@tensorflow/tfjs-core');
  require('@tensorflow/tfjs-backend-cpu');
  const path = require.resolve('@tensorflow/tfjs-backend-wasm');
  require(path).setWasmPaths(join(dirname(path), '/'));
  await core.setBackend(backend);
  return { core, backend };
}

/** @param {string} backend `wasm` or `tensorflow` */
export async function guarded(backend = 'wasm') {
  const { loadLibrary } = await import('../../dist/runtimes/tfjs/library.js');
  const { core } = await loadLibrary([backend], { threads: 1, nativeCache: process.env.PILOTHOUSE_TFJS_NODE_CACHE, log: () => {} });
  return { core, backend };
}
