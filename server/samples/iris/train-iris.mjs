#!/usr/bin/env node
/**
 * Trains the sample model `iris` and writes model.json, weights.bin and lineage.json into a folder.
 *
 *     node train-iris.mjs [FOLDER]        default: the folder of this script
 *
 * It writes the same bytes every time: plain JavaScript computes, in one order, from seeded weights.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';

const SPECIES = ['setosa', 'versicolor', 'virginica'];
const HYPERPARAMETERS = {
  hiddenUnits: 8,
  activation: 'tanh',
  optimizer: 'adam',
  learningRate: 0.05,
  epochs: 80,
  seed: 4,
  heldOut: 'every fifth row',
  weightStep: 2 ** -12,
};
const SAMPLES = 3;

const here = dirname(fileURLToPath(import.meta.url));

async function readRows() {
  const text = await readFile(join(here, 'iris.csv'), 'utf8');
  const rows = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line, row) => {
      const fields = line.split(',');
      return { row, values: fields.slice(0, 4).map(Number), label: SPECIES.indexOf(fields[4]) };
    });
  return { rows, digest: createHash('sha256').update(text).digest('hex') };
}

/** Mean and standard deviation of each column. */
function statisticsOf(rows) {
  return [0, 1, 2, 3].map((column) => {
    const values = rows.map((row) => row.values[column]);
    const mean = values.reduce((a, b) => a + b) / values.length;
    return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
  });
}

function build({ hiddenUnits, activation, seed }) {
  const input = layers.input({ shape: [4], name: 'measurements' });
  const initializer = (offset) => layers.initializers.glorotUniform({ seed: seed + offset });
  const hidden = layers.layers.dense({ units: hiddenUnits, activation, name: 'hidden', kernelInitializer: initializer(0) }).apply(input);
  const output = layers.layers.dense({ units: SPECIES.length, activation: 'softmax', name: 'probabilities', kernelInitializer: initializer(1) }).apply(hidden);
  return layers.model({ inputs: input, outputs: output, name: 'iris' });
}

async function train(rows, parameters) {
  const statistics = statisticsOf(rows);
  const model = build(parameters);
  const scaled = tf.tensor2d(rows.map(({ values }) => values.map((value, i) => (value - statistics[i].mean) / statistics[i].deviation)));
  const labels = tf.oneHot(
    tf.tensor1d(
      rows.map((row) => row.label),
      'int32',
    ),
    SPECIES.length,
  );
  model.compile({ optimizer: tf.train.adam(parameters.learningRate), loss: 'categoricalCrossentropy' });
  // The whole set is one batch: an order of rows would be drawn from Math.random, which has no seed.
  await model.fit(scaled, labels, { epochs: parameters.epochs, batchSize: rows.length, shuffle: false, verbose: 0 });
  setWeights(model, statistics, parameters.weightStep);
  return model;
}

/** Moves the scaling into the first layer, so that the model takes centimetres, and rounds, so that no last bit depends on the machine. */
function setWeights(model, statistics, step) {
  const [kernel, bias, ...rest] = model.getWeights().map((tensor) => ({ shape: tensor.shape, values: Array.from(tensor.dataSync()) }));
  const units = bias.values.length;
  const moved = kernel.values.map((weight, i) => weight / statistics[Math.floor(i / units)].deviation);
  bias.values = bias.values.map((value, unit) => value - statistics.reduce((sum, { mean }, column) => sum + mean * moved[column * units + unit], 0));
  kernel.values = moved;
  // Adding zero makes -0 a 0.
  model.setWeights(
    [kernel, bias, ...rest].map(({ shape, values }) =>
      tf.tensor(
        values.map((value) => Math.round(value / step) * step + 0),
        shape,
      ),
    ),
  );
}

function measure(model, rows) {
  const answers = model.predict(tf.tensor2d(rows.map((row) => row.values))).arraySync();
  const right = rows.filter((row, i) => answers[i].indexOf(Math.max(...answers[i])) === row.label).length;
  const loss = rows.reduce((sum, row, i) => sum - Math.log(answers[i][row.label]), 0) / rows.length;
  return { accuracy: round(right / rows.length, 4), logLoss: round(loss, 3), heldOutRows: rows.length };
}

const round = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;

/** The files of a layers model, as tf.loadLayersModel reads them. */
async function filesOf(model) {
  let artifacts;
  await model.save(
    tf.io.withSaveHandler(async (saved) => {
      artifacts = saved;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const { modelTopology, weightSpecs, weightData, format, generatedBy } = artifacts;
  const json = { format, generatedBy, convertedBy: null, modelTopology, weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }] };
  return { 'model.json': `${JSON.stringify(json, null, 2)}\n`, 'weights.bin': Buffer.from(weightData) };
}

const folder = resolve(process.argv[2] ?? here);
await tf.setBackend('cpu');
const { rows, digest } = await readRows();
const isHeldOut = ({ row }) => row % 5 === 4;
const heldOut = rows.filter(isHeldOut);
const model = await train(
  rows.filter((row) => !isHeldOut(row)),
  HYPERPARAMETERS,
);
const metrics = measure(model, heldOut);
const lineage = {
  dataset: { name: 'Iris (Fisher, 1936), as in scikit-learn', uri: 'https://archive.ics.uci.edu/dataset/53/iris', digest: `sha256:${digest}` },
  hyperparameters: HYPERPARAMETERS,
  metrics,
};
// One of each species.
const samples = Array.from({ length: SAMPLES }, (_, label) => heldOut.find((row) => row.label === label));
const files = { ...(await filesOf(model)), 'lineage.json': `${JSON.stringify({ lineage, samples }, null, 2)}\n` };
await mkdir(folder, { recursive: true });
for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
console.log(`weights.bin: ${files['weights.bin'].length} bytes, held-out accuracy ${metrics.accuracy}`);
