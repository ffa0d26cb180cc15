/** `infer`: one inference, from JSON, CSV, NumPy and image files, or with the version's own sample. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parse as parseCsv } from 'csv-parse/sync';
import { tensorToJson } from '../../../runtimes/open-inference/json.js';
import type { Datatype } from '../../../runtimes/tensor.js';
import type { InputTensor } from '../../typescript/src/inference.js';
import { addCommand } from '../command.js';
import { wrongUse } from '../exit-codes.js';
import { imageTensor, readPicture } from '../image.js';
import { readNpy, readNpz } from '../npy.js';
import { findDeployment, findVersion, versionName } from '../references.js';
import type { Session } from '../session.js';
import { decimal, oneOf, pair, repeated } from '../values.js';
import { made } from './made-up-sample.js';

interface InferOptions {
  readonly input?: readonly string[];
  readonly image?: readonly string[];
  readonly imageResize?: string;
  readonly imageDivide?: number;
  readonly sample?: boolean;
  readonly output?: readonly string[];
}

export interface InputSpec {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[] | null;
}

export function addInferCommand(program: Command): void {
  addCommand<InferOptions>(program, 'infer <deployment>', {
    does: 'send one inference and print the answer',
    examples: ['infer iris --input measurements=[[5.1,3.5,1.4,0.2]]', 'infer digits --sample --json'],
    options: (command) =>
      command
        .option('--input <name=value>', 'JSON, or @file with .json, .csv, .npy or .npz; without a name for a model of one input; may be repeated', repeated)
        .option('--image <name=file>', 'PNG or JPEG file; without a name for a model of one input; may be repeated', repeated)
        .option('--image-resize <how>', 'resize images to the size of the input: nearest or bilinear')
        .option('--image-divide <n>', 'divide the values of images by this number, such as 255', (text) => decimal(text, '--image-divide'))
        .option('--sample', "send the version's own sample")
        .option('--output <name>', 'only this output; may be repeated', repeated),
    run: infer,
  });
}

async function infer(session: Session, [text]: readonly string[], options: InferOptions): Promise<void> {
  const { input, image, sample, output } = options;
  if (sample === true && (input ?? image)) throw wrongUse(`give --sample or --${input ? 'input' : 'image'}, not both`);
  if (!sample && !input && !image) throw wrongUse('no input was given; give --input NAME=JSON, --input NAME=@FILE, --image NAME=FILE or --sample');
  if (!image && (options.imageResize ?? options.imageDivide) !== undefined)
    throw wrongUse(`--image-${options.imageResize === undefined ? 'divide' : 'resize'} needs an --image`);
  const deployment = await findDeployment(session, text!);
  const first = deployment.targets.find(({ weight }) => weight > 0) ?? deployment.targets[0]!;
  const version = await findVersion(session, `${deployment.project.name}/${versionName(first.version)}`);
  const specs = version.signature?.inputs ?? [];
  const inputs = sample ? sampleOf(version.sample, specs) : { ...(await readInputs(input ?? [], specs)), ...(await readImages(image ?? [], specs, options)) };
  const wanted = output && { outputs: output };
  const answer =
    session.connection.gatewayUrl === undefined
      ? await session.client.inferThroughApi({ id: deployment.id }, inputs, wanted)
      : await session.client.infer(deployment.endpoint, inputs, wanted);
  const outputs = Object.values(answer.outputs).map((tensor) => tensorToJson(tensor));
  const number = answer.version === null || answer.version === undefined ? null : Number(answer.version);
  session.output.result({ versionNumber: number, outputs }, () =>
    session.output.table(
      ['OUTPUT', 'DATATYPE', 'SHAPE', 'VALUES'],
      outputs.map((each) => [String(each.name), String(each.datatype), `[${(each.shape as number[]).join(', ')}]`, values(each.data)]),
      'the answer has no outputs',
    ),
  );
}

function values(data: unknown): string {
  const list = [data].flat(Infinity);
  const shown = list.slice(0, 20).map((value) => (typeof value === 'number' ? String(Number(value.toPrecision(6))) : String(value)));
  return `${shown.join(' ')}${list.length > shown.length ? ` … (${list.length})` : ''}`;
}

type Sample = readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[]; readonly data: unknown }[];

function sampleOf(sample: Sample | null, specs: readonly InputSpec[]): Record<string, InputTensor> {
  const tensors: Sample = sample ?? specs.map(made);
  return Object.fromEntries(tensors.map(({ name, datatype, shape, data }) => [name, { datatype: datatype as Datatype, shape, data: data as unknown[] }]));
}

async function readInputs(texts: readonly string[], specs: readonly InputSpec[]): Promise<Record<string, InputTensor>> {
  const inputs: Record<string, InputTensor> = {};
  for (const text of texts) {
    const [name, value] = /^[@[{]/.test(text) ? [undefined, text] : pair(text, '--input');
    const found = value.startsWith('@') ? await readInputFile(value.slice(1)) : parseJson(value, '--input');
    for (const [key, tensor] of Object.entries(byName(found, name, specs))) inputs[key] = fitted(key, tensor, specs);
  }
  return inputs;
}

async function readImages(texts: readonly string[], specs: readonly InputSpec[], options: InferOptions): Promise<Record<string, InputTensor>> {
  const how = {
    ...(options.imageResize !== undefined && { resize: oneOf(options.imageResize, ['NEAREST', 'BILINEAR'] as const, '--image-resize') }),
    ...(options.imageDivide !== undefined && { divide: options.imageDivide }),
  };
  const inputs: Record<string, InputTensor> = {};
  for (const text of texts) {
    const [name, path] = text.includes('=') ? pair(text, '--image') : [undefined, text];
    const spec = specOf(name, specs, '--image');
    const picture = readPicture(await readFile(path), path);
    inputs[spec.name] = { datatype: spec.datatype as Datatype, ...imageTensor(picture, spec, how, path) };
  }
  return inputs;
}

/** @throws CommandError where no input has the name, or no name is given and there are several */
function specOf(name: string | undefined, specs: readonly InputSpec[], flag: string): InputSpec {
  const names = specs.map((each) => each.name).join(', ');
  if (name === undefined && specs.length !== 1) throw wrongUse(`the model has the inputs ${names}; say which one with ${flag} NAME=…`);
  const spec = name === undefined ? specs[0] : specs.find((each) => each.name === name);
  if (!spec) throw wrongUse(`the model has no input "${name}"; it has ${names}`);
  return spec;
}

/** What a file holds: an array, or arrays by name. */
async function readInputFile(path: string): Promise<unknown> {
  const bytes = await readFile(path);
  if (path.endsWith('.npy')) return readNpy(bytes, path);
  if (path.endsWith('.npz')) return { inputs: Object.entries(readNpz(bytes, path)).map(([name, array]) => ({ name, ...array })) };
  if (!path.endsWith('.csv')) return parseJson(bytes.toString('utf8'), path);
  const rows = parseCsv(bytes, { skip_empty_lines: true, relax_column_count: false }) as string[][];
  const isNumber = (cell: string): boolean => cell.trim() !== '' && Number.isFinite(Number(cell));
  // A first line of words names the columns.
  const body = rows[0]?.some(isNumber) === false && rows.slice(1).some((row) => row.some(isNumber)) ? rows.slice(1) : rows;
  if (body.length === 0) throw wrongUse(`${path} has no rows`);
  return body.map((row) => row.map((cell) => (isNumber(cell) ? Number(cell) : cell)));
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrongUse(`${what} is not JSON: ${(error as Error).message}`);
  }
}

type Loose = Partial<InputTensor> | readonly unknown[];

function byName(value: unknown, name: string | undefined, specs: readonly InputSpec[]): Record<string, Loose> {
  const list = (value as { inputs?: unknown } | null)?.inputs;
  if (Array.isArray(list)) return Object.fromEntries((list as { name: string }[]).map((tensor) => [tensor.name, tensor as Loose]));
  const isTensor = Array.isArray(value) || (typeof value === 'object' && value !== null && 'data' in value);
  if (name === undefined && !isTensor && typeof value === 'object' && value !== null) return value as Record<string, Loose>;
  return { [specOf(name, specs, '--input').name]: isTensor ? (value as Loose) : [value] };
}

/** With the datatype of the signature, and as one row more where the model expects a batch. */
function fitted(name: string, loose: Loose, specs: readonly InputSpec[]): InputTensor {
  const spec = specOf(name, specs, '--input');
  const { data, shape, datatype } = Array.isArray(loose)
    ? { data: loose as readonly unknown[], shape: undefined, datatype: undefined }
    : (loose as InputTensor);
  const numpy = shape !== undefined && datatype !== undefined && Array.isArray(data);
  const own = shape ?? dimensions(data);
  const batched = spec.shape && own.length === spec.shape.length - 1 ? [1, ...own] : own;
  return {
    data: numpy && datatype !== spec.datatype ? data.map((value) => converted(value, spec.datatype)) : data,
    shape: batched,
    datatype: spec.datatype as Datatype,
  };
}

const converted = (value: unknown, datatype: string): unknown => (typeof value === 'bigint' && !/INT64$/.test(datatype) ? Number(value) : value);

function dimensions(data: unknown): number[] {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = (level as unknown[])[0]) shape.push(level.length);
  return shape;
}
