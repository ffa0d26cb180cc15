/**
 * What the checks and rules cost: three models with the library as it comes, and with ours, alternating in processes of their own.
 *
 *   node test/sweep/cost.mjs
 */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bare, guarded } from './libraries.mjs';

const ROUNDS = 5;
const require = createRequire(import.meta.url);

const MODELS = {
  'dense 4-16-3 (iris)': {
    input: [1, 4],
    layers: (l) => [l.dense({ units: 16, activation: 'relu', inputShape: [4] }), l.dense({ units: 3, activation: 'softmax' })],
  },
  'convolutions on [1,8,8,1] (digits)': {
    input: [1, 8, 8, 1],
    layers: (l) => [
      l.conv2d({ filters: 8, kernelSize: 3, activation: 'relu', inputShape: [8, 8, 1] }),
      l.maxPooling2d({ poolSize: 2 }),
      l.flatten(),
      l.dense({ units: 10, activation: 'softmax' }),
    ],
  },
  'separable convolutions on [1,96,96,3]': {
    input: [1, 96, 96, 3],
    layers: (l) => [
      l.conv2d({ filters: 16, kernelSize: 3, strides: 2, padding: 'same', useBias: false, inputShape: [96, 96, 3] }),
      l.batchNormalization(),
      l.reLU({ maxValue: 6 }),
      ...[24, 32, 64].flatMap((filters) => [
        l.depthwiseConv2d({ kernelSize: 3, padding: 'same', strides: filters === 24 ? 1 : 2, useBias: false }),
        l.batchNormalization(),
        l.reLU({ maxValue: 6 }),
        l.conv2d({ filters, kernelSize: 1, useBias: false }),
        l.batchNormalization(),
        l.reLU({ maxValue: 6 }),
      ]),
      l.globalAveragePooling2d({}),
      l.dense({ units: 10, activation: 'softmax' }),
    ],
  },
};

async function measure(mode, name) {
  const { core } = mode === 'bare' ? await bare() : await guarded();
  const layers = require('@tensorflow/tfjs-layers');
  const { input, layers: make } = MODELS[name];
  const model = layers.sequential({ layers: make(layers.layers) });
  const x = core.randomNormal(input, 0, 1, 'float32', 1);
  const infer = () => {
    const y = core.tidy(() => model.apply(x, { training: false }));
    y.dataSync();
    y.dispose();
  };
  for (const end = performance.now() + 1500; performance.now() < end;) infer();
  // Processor time, so that other programs on the machine count less.
  let inferences = 0;
  const start = process.cpuUsage();
  for (const end = performance.now() + 2000; performance.now() < end; inferences++) infer();
  const { user, system } = process.cpuUsage(start);
  process.stdout.write(String((user + system) / inferences));
}

const [mode, name] = process.argv.slice(2);
if (mode) await measure(mode, name);
else {
  console.log('| model | library alone, µs | with checks, µs | ratio |\n| --- | --- | --- | --- |');
  for (const model of Object.keys(MODELS)) {
    const found = { bare: [], guarded: [] };
    for (let round = 0; round < ROUNDS; round++)
      for (const which of Object.keys(found))
        found[which].push(Number(execFileSync(process.execPath, [fileURLToPath(import.meta.url), which, model], { stdio: ['ignore', 'pipe', 'ignore'] })));
    // The least disturbed round of each: other programs only ever add time.
    const [before, after] = [Math.min(...found.bare), Math.min(...found.guarded)];
    console.log(`| ${model} | ${before.toFixed(0)} | ${after.toFixed(0)} | ${(after / before).toFixed(2)} |`);
  }
}
