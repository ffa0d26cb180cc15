/** The sample models: files that the scripts beside them trained, and what those scripts wrote down about them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { PROJECT_ROOT } from '../paths.js';
import { sha256 } from '../registry/digest.js';
import type { Lineage, SampleTensor } from '../registry/registry.entities.js';

/** A row of the data set that the model was not trained on. */
export interface SampleRow {
  /** A request with this row alone. */
  readonly inputs: readonly SampleTensor[];
  /** What it really is. */
  readonly label: string;
}

/** An output as the gateway and the GraphQL `infer` mutation answer it. */
export interface AnsweredOutput {
  readonly name: string;
  readonly data: readonly unknown[];
}

export interface SampleModel {
  /** Name of the model, and of its deployment. */
  readonly name: string;
  readonly description: string;
  /** Absolute paths by the paths that the version has them under. */
  readonly files: Readonly<Record<string, string>>;
  readonly lineage: Lineage;
  /** At least one. */
  readonly rows: readonly SampleRow[];
  /** What an answer to a single row says, in the words of `SampleRow.label`. */
  readonly read: (outputs: readonly AnsweredOutput[]) => string;
}

const written = z.object({
  lineage: z.object({
    dataset: z.object({ name: z.string(), uri: z.string(), digest: z.string() }),
    hyperparameters: z.record(z.string(), z.unknown()),
    metrics: z.record(z.string(), z.number()),
  }),
  samples: z.array(z.object({ label: z.number().int(), values: z.array(z.number()) })).min(1),
});

interface Description {
  readonly name: string;
  readonly description: string;
  readonly files: readonly string[];
  readonly script: string;
  readonly input: string;
  readonly labels: readonly string[];
}

const DESCRIPTIONS: readonly Description[] = [
  {
    name: 'digits',
    description: 'Handwritten digits, 8×8 pixels of 0 to 16, row by row: which digit it is. A small neural network, trained by scikit-learn.',
    files: ['digits.onnx'],
    script: 'train_digits.py',
    input: 'pixels',
    labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  },
  {
    name: 'iris',
    description: 'Length and width of sepal and petal of an iris, in centimetres: which species it is. A small neural network, trained by TensorFlow.js.',
    files: ['model.json', 'weights.bin'],
    script: 'train-iris.mjs',
    input: 'measurements',
    labels: ['setosa', 'versicolor', 'virginica'],
  },
];

/** Reads the samples from their folder. */
export async function readSamples(folder = join(PROJECT_ROOT, 'server', 'samples')): Promise<SampleModel[]> {
  return Promise.all(DESCRIPTIONS.map((description) => readSample(join(folder, description.name), description)));
}

async function readSample(folder: string, { name, description, files, script, input, labels }: Description): Promise<SampleModel> {
  const { lineage, samples } = written.parse(JSON.parse(await readFile(join(folder, 'lineage.json'), 'utf8')));
  const revision = `sha256:${sha256(await readFile(join(folder, script)))}`;
  return {
    name,
    description,
    files: Object.fromEntries(files.map((file) => [file, join(folder, file)])),
    lineage: { ...lineage, source: { uri: `pilothouse:server/samples/${name}/${script}`, revision } },
    rows: samples.map(({ label, values }) => ({ label: labels[label]!, inputs: [{ name: input, datatype: 'FP32', shape: [1, values.length], data: values }] })),
    read: (outputs) => labels[likeliest(outputs)] ?? 'nothing that is known',
  };
}

/** The class of highest probability; of several, the first, as ONNX's ArgMax has it. */
function likeliest(outputs: readonly AnsweredOutput[]): number {
  const probabilities = (outputs.find((output) => output.name === 'probabilities')?.data ?? []).flat(Infinity).map(Number);
  return probabilities.indexOf(Math.max(...probabilities));
}
