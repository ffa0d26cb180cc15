/**
 * The models that everybody serves, as ONNX files with weights from a seed: the same bytes on every machine. Large ones are made when
 * they are wanted and kept in the cache folder, never in the repository.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './settings.mjs';
import { importSource, ROOT } from './sources.mjs';

/** Raise it when a model below changes: files of another edition are not used. */
const EDITION = 1;

const relu = (onnx, from, to) => onnx.node('Relu', [from], [to]);

/** Marsaglia's xorshift32, mapped to [-1, 1). */
export function randomFloats(count, seed) {
  const values = new Float32Array(count);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (state >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

/** Weights scaled by the square root of what is summed up, so that activations keep their size through the layers. */
function weights(onnx, name, shape, fanIn, seed) {
  const values = randomFloats(
    shape.reduce((product, dim) => product * dim, 1),
    seed,
  ).map((value) => value / Math.sqrt(fanIn));
  return onnx.initializer(name, 'FP32', shape, Buffer.from(values.buffer));
}

/** Dense layers with ReLU between them and a softmax at the end, over FP32 [-1, sizes[0]]. */
function mlp(onnx, sizes, input, output) {
  const nodes = [];
  const initializers = [];
  let last = input;
  for (let layer = 1; layer < sizes.length; layer++) {
    const [from, to] = [sizes[layer - 1], sizes[layer]];
    initializers.push(weights(onnx, `w${layer}`, [from, to], from, 17 * layer), weights(onnx, `b${layer}`, [to], 4, 31 * layer));
    nodes.push(onnx.node('Gemm', [last, `w${layer}`, `b${layer}`], [`h${layer}`]));
    last = `h${layer}`;
    if (layer < sizes.length - 1) {
      nodes.push(relu(onnx, last, `r${layer}`));
      last = `r${layer}`;
    }
  }
  nodes.push(onnx.node('Softmax', [last], [output], [{ name: 'axis', int: 1 }]));
  return onnx.onnxModel({
    nodes,
    inputs: [onnx.tensorValue({ name: input, type: 'FP32', shape: ['rows', sizes[0]] })],
    outputs: [onnx.tensorValue({ name: output, type: 'FP32', shape: ['rows', sizes.at(-1)] })],
    initializers,
  });
}

/** Three convolutions of stride 4, 2 and 2 (8, 16 and 32 channels), a mean over the image, one dense layer: FP32 [-1, 3, 224, 224] to [-1, 10]. */
function convolutionNet(onnx) {
  const nodes = [];
  const initializers = [];
  const layers = [
    [3, 8, 7, 4, 3],
    [8, 16, 3, 2, 1],
    [16, 32, 3, 2, 1],
  ];
  let last = 'image';
  layers.forEach(([from, to, size, stride, pad], i) => {
    initializers.push(weights(onnx, `w${i}`, [to, from, size, size], from * size * size, 7 + i));
    nodes.push(
      onnx.node(
        'Conv',
        [last, `w${i}`],
        [`c${i}`],
        [
          { name: 'strides', ints: [stride, stride] },
          { name: 'pads', ints: [pad, pad, pad, pad] },
        ],
      ),
      relu(onnx, `c${i}`, `a${i}`),
    );
    last = `a${i}`;
  });
  initializers.push(weights(onnx, 'w', [32, 10], 32, 99));
  nodes.push(
    onnx.node('GlobalAveragePool', [last], ['mean']),
    onnx.node('Flatten', ['mean'], ['flat'], [{ name: 'axis', int: 1 }]),
    onnx.node('MatMul', ['flat', 'w'], ['logits']),
    onnx.node('Softmax', ['logits'], ['scores'], [{ name: 'axis', int: 1 }]),
  );
  return onnx.onnxModel({
    nodes,
    inputs: [onnx.tensorValue({ name: 'image', type: 'FP32', shape: ['rows', 3, 224, 224] })],
    outputs: [onnx.tensorValue({ name: 'scores', type: 'FP32', shape: ['rows', 10] })],
    initializers,
  });
}

const MADE = {
  'mlp-4-16-3': (onnx) => mlp(onnx, [4, 16, 3], 'x', 'y'),
  'mlp-784': (onnx) => mlp(onnx, [784, 512, 512, 10], 'x', 'y'),
  convnet: convolutionNet,
};

/** Path of each model's file by its name, which is also its deployment's. */
export async function modelFiles() {
  const onnx = await importSource('test/support/models/onnx.ts');
  const folder = join(cacheFolder(), `models-${EDITION}`);
  mkdirSync(folder, { recursive: true });
  const files = { digits: join(ROOT, 'server', 'samples', 'digits', 'digits.onnx') };
  for (const [name, make] of Object.entries(MADE)) {
    files[name] = join(folder, `${name}.onnx`);
    if (existsSync(files[name])) continue;
    writeFileSync(`${files[name]}.${process.pid}`, make(onnx));
    renameSync(`${files[name]}.${process.pid}`, files[name]);
  }
  return files;
}
