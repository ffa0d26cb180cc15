/** Every form in which a case can be sent over HTTP, written as its protocol's clients write it. */
import { deflateSync, gzipSync } from 'node:zlib';
import { parse } from 'lossless-json';
import { halfValue } from '../../runtimes/open-inference/half.js';
import { tensorFromJson } from '../../runtimes/open-inference/json.js';
import { tensorFromBytes, tensorToBytes } from '../../runtimes/open-inference/message.js';
import type { Datatype, Signature, Tensor, TensorSpec } from '../../runtimes/tensor.js';
import { quoteBareWords } from '../../server/json-body.js';
import type { InferenceCase, ProtocolForm } from './protocol-cases.js';

export interface RestGateway {
  readonly url: string;
}

/** A value whose text is JSON as a client of the protocol would write it: bare NaN, integers with all of their digits. */
type Json = string;

function element({ datatype, data }: Tensor, i: number, base64 = false): Json {
  const value = data[i]!;
  if (value instanceof Uint8Array) return base64 ? `{"b64":"${Buffer.from(value).toString('base64')}"}` : JSON.stringify(Buffer.from(value).toString());
  if (datatype === 'BOOL') return value ? 'true' : 'false';
  const number = datatype === 'FP16' ? halfValue(value as number) : value;
  return Object.is(number, -0) ? '-0.0' : String(number);
}

function nested(tensor: Tensor, base64 = false): Json {
  const from = (level: number, at: number): Json => {
    if (level === tensor.shape.length) return element(tensor, at, base64);
    const stride = tensor.shape.slice(level + 1).reduce((product, n) => product * n, 1);
    return `[${Array.from({ length: tensor.shape[level]! }, (_, i) => from(level + 1, at + i * stride)).join(',')}]`;
  };
  return from(0, 0);
}

const flat = (tensor: Tensor): Json => `[${Array.from({ length: tensor.data.length }, (_, i) => element(tensor, i)).join(',')}]`;

/** The rows of a tensor, each as JSON. */
function rows(tensor: Tensor, base64 = false): Json[] {
  const [count, ...shape] = tensor.shape;
  const size = shape.reduce((product, n) => product * n, 1);
  return Array.from({ length: count! }, (_, row) => nested({ ...tensor, shape, data: tensor.data.slice(row * size, (row + 1) * size) }, base64));
}

const readNumbers = { parseNumber: (digits: string) => (/^-?\d{16,}$/.test(digits) ? BigInt(digits) : Number(digits)) };
const read = (text: string): unknown => parse(quoteBareWords(text) ?? text, null, readNumbers);

async function send(url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<{ headers: Headers; bytes: Buffer }> {
  // Without it fetch would ask for compression, and undo it unseen.
  const response = await fetch(url, { method: 'POST', body, headers: { 'accept-encoding': 'identity', ...headers } });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${response.status}: ${bytes.toString()}`);
  return { headers: response.headers, bytes };
}

interface OpenInferenceOptions {
  readonly data: (tensor: Tensor) => Json;
  readonly binaryIn: (i: number) => boolean;
  /** undefined: nothing is said of the outputs, save which of them are wanted. */
  readonly binaryOut?: (i: number) => boolean;
  readonly binaryAll?: boolean;
  readonly compression?: 'gzip' | 'deflate';
  readonly versioned?: boolean;
}

/** What tritonclient and its kind send. */
async function openInference(gateway: RestGateway, request: InferenceCase, signature: Signature, options: OpenInferenceOptions): Promise<Tensor[]> {
  const parts: Uint8Array[] = [];
  const inputs = request.inputs.map((tensor, i) => {
    const head = `{"name":"${tensor.name}","datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`;
    if (!options.binaryIn(i)) return `${head},"data":${options.data(tensor)}}`;
    const bytes = tensorToBytes(tensor);
    parts.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
  });
  const wanted = request.outputs ?? (options.binaryOut && signature.outputs.map(({ name }) => name));
  const outputs = wanted?.map((name, i) => `{"name":"${name}"${options.binaryOut ? `,"parameters":{"binary_data":${options.binaryOut(i)}}` : ''}}`);
  const text = `{"id":"case","inputs":[${inputs.join(',')}]${outputs ? `,"outputs":[${outputs.join(',')}]` : ''}${options.binaryAll ? ',"parameters":{"binary_data_output":true}' : ''}}`;
  const plain = Buffer.concat([Buffer.from(text), ...parts]);
  const { compression } = options;
  const body = compression === 'gzip' ? gzipSync(plain) : compression === 'deflate' ? deflateSync(plain) : plain;
  const { headers, bytes } = await send(`${gateway.url}/v2/models/${request.model}${options.versioned ? '/versions/1' : ''}/infer`, body, {
    ...(parts.length > 0 && { 'inference-header-content-length': String(Buffer.byteLength(text)) }),
    ...(compression && { 'content-encoding': compression, 'accept-encoding': compression }),
  });
  return openInferenceOutputs(headers, bytes);
}

interface OpenInferenceAnswer {
  readonly id: string;
  readonly outputs: readonly { name: string; datatype: Datatype; shape: number[]; data?: unknown; parameters?: { binary_data_size: number } }[];
}

function openInferenceOutputs(headers: Headers, bytes: Buffer): Tensor[] {
  const length = headers.get('inference-header-content-length');
  let at = length === null ? bytes.length : Number(length);
  if (headers.get('content-type') !== (length === null ? 'application/json' : 'application/octet-stream')) throw new Error('wrong Content-Type');
  const { id, outputs } = read(bytes.subarray(0, at).toString()) as OpenInferenceAnswer;
  if (id !== 'case') throw new Error(`the id came back as ${id}`);
  const tensors = outputs.map(({ name, datatype, shape, data, parameters }) => {
    if (!parameters) return tensorFromJson({ name, datatype, shape, data }, 'outputs');
    const end = at + parameters.binary_data_size;
    const part = bytes.subarray(at, end);
    at = end;
    return tensorFromBytes(name, datatype, shape, part);
  });
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes belong to no output`);
  return tensors;
}

/** A nested value as the tensor that the signature says it is; what is empty has the expected shape. */
function tensorOf({ name, datatype, shape: declared }: TensorSpec, value: unknown): Tensor {
  const unwrapped = unwrap(value);
  const shape: number[] = [];
  for (let inner = unwrapped; Array.isArray(inner); inner = inner[0] as unknown) shape.push(inner.length);
  if (shape.includes(0)) shape.push(...declared!.slice(shape.length));
  return tensorFromJson({ name, datatype, shape, data: unwrapped }, 'outputs');
}

function unwrap(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrap);
  if (typeof value === 'object' && value !== null && 'b64' in value) return Buffer.from(value.b64 as string, 'base64');
  return value;
}

function byRow(predictions: unknown, { outputs }: Signature): Tensor[] {
  const [only] = outputs;
  if (outputs.length === 1) return [tensorOf(only!, predictions)];
  return outputs.map((spec) =>
    tensorOf(
      spec,
      (predictions as Record<string, unknown>[]).map((row) => row[spec.name]),
    ),
  );
}

function byColumn(values: unknown, { outputs }: Signature): Tensor[] {
  const [only] = outputs;
  return outputs.length === 1 ? [tensorOf(only!, values)] : outputs.map((spec) => tensorOf(spec, (values as Record<string, unknown>)[spec.name]));
}

/** `instances`: the row itself where the model has one input, unless it is to be named all the same. */
function instances({ inputs }: InferenceCase, base64: boolean, named = inputs.length > 1): Json {
  const columns = inputs.map((tensor) => rows(tensor, base64));
  const row = (i: number): Json => `{${inputs.map(({ name }, k) => `"${name}":${columns[k]![i]!}`).join(',')}}`;
  return `[${columns[0]!.map((only, i) => (named ? row(i) : only)).join(',')}]`;
}

const wholeInputs = ({ inputs }: InferenceCase, base64: boolean): Json =>
  inputs.length === 1 ? nested(inputs[0]!, base64) : `{${inputs.map((tensor) => `"${tensor.name}":${nested(tensor, base64)}`).join(',')}}`;

async function predict(gateway: RestGateway, request: InferenceCase, body: Json, path = ''): Promise<Record<string, unknown>> {
  const { bytes } = await send(`${gateway.url}/v1/models/${request.model}${path}:predict`, body);
  return read(bytes.toString()) as Record<string, unknown>;
}

async function invoke(gateway: RestGateway, request: InferenceCase, body: Json, contentType = 'application/json; charset=utf-8'): Promise<unknown> {
  const { bytes } = await send(`${gateway.url}/deployments/${request.model}/invocations`, body, { 'content-type': contentType });
  return (read(bytes.toString()) as { predictions: unknown }).predictions;
}

/** Columns named like the inputs, each row a cell; of one input with two dimensions, its columns. */
function frame({ inputs }: InferenceCase): { columns: string[]; cells: Json[][] } {
  const [only] = inputs;
  if (inputs.length > 1 || only!.shape.length !== 2) {
    const columns = inputs.map((tensor) => rows(tensor));
    return { columns: inputs.map(({ name }) => name), cells: columns[0]!.map((_, i) => columns.map((column) => column[i]!)) };
  }
  const [count, width] = only!.shape as [number, number];
  const cells = Array.from({ length: count }, (_, i) => Array.from({ length: width }, (_, k) => element(only!, i * width + k)));
  return { columns: Array.from({ length: width }, (_, i) => `column ${i}`), cells };
}

const all = (): boolean => true;
const none = (): boolean => false;
const odd = (i: number): boolean => i % 2 === 1;
/** TensorFlow Serving and MLflow answer all outputs, and their rows are JSON. */
const wholeAnswer = ({ outputs }: InferenceCase): boolean => outputs === undefined;
/** Without a row there is nothing that a cell could hold. */
const singleValues = ({ inputs }: InferenceCase): boolean =>
  inputs.every(({ shape }) => shape.length === 1) || (inputs.length === 1 && inputs[0]!.shape.length === 2);

const openInferenceForm = (title: string, options: Partial<OpenInferenceOptions>): ProtocolForm<RestGateway> => ({
  title: `OIP REST, ${title}`,
  carries: all,
  infer: (gateway, request, signature) => openInference(gateway, request, signature, { data: flat, binaryIn: none, ...options }),
});

const rowForm = (
  title: string,
  form: (gateway: RestGateway, request: InferenceCase) => Promise<unknown>,
  carries = wholeAnswer,
): ProtocolForm<RestGateway> => ({
  title,
  carries,
  infer: async (gateway, request, signature) => byRow(await form(gateway, request), signature),
});

const columnForm = (title: string, form: (gateway: RestGateway, request: InferenceCase) => Promise<unknown>): ProtocolForm<RestGateway> => ({
  title,
  carries: wholeAnswer,
  infer: async (gateway, request, signature) => byColumn(await form(gateway, request), signature),
});

export const REST_FORMS: readonly ProtocolForm<RestGateway>[] = [
  openInferenceForm('flat JSON', {}),
  openInferenceForm('nested JSON, by version', { data: nested, versioned: true }),
  openInferenceForm('binary both ways', { binaryIn: all, binaryAll: true }),
  openInferenceForm('binary in, JSON out', { binaryIn: all }),
  openInferenceForm('JSON in, binary out', { binaryOut: all }),
  openInferenceForm('a mix', { data: nested, binaryIn: odd, binaryOut: odd }),
  openInferenceForm('the other mix', { binaryIn: (i) => !odd(i), binaryOut: (i) => !odd(i), binaryAll: true }),
  openInferenceForm('gzip both ways', { binaryIn: odd, binaryAll: true, compression: 'gzip' }),
  openInferenceForm('deflate both ways', { compression: 'deflate' }),
  rowForm(
    'TensorFlow Serving, by row',
    async (gateway, request) => (await predict(gateway, request, `{"instances":${instances(request, true)}}`))['predictions'],
  ),
  rowForm(
    'TensorFlow Serving, by named row and version',
    async (gateway, request) =>
      (await predict(gateway, request, `{"signature_name":"serving_default","instances":${instances(request, true, true)}}`, '/versions/1'))['predictions'],
  ),
  columnForm(
    'TensorFlow Serving, by column',
    async (gateway, request) => (await predict(gateway, request, `{"inputs":${wholeInputs(request, true)}}`))['outputs'],
  ),
  rowForm('KServe V1', async (gateway, request) => (await predict(gateway, request, `{"instances":${instances(request, false)}}`))['predictions']),
  rowForm('MLflow, dataframe_split', (gateway, request) => {
    const { columns, cells } = frame(request);
    const data = `[${cells.map((row) => `[${row.join(',')}]`).join(',')}]`;
    return invoke(gateway, request, `{"dataframe_split":{"columns":${JSON.stringify(columns)},"index":[],"data":${data}}}`);
  }),
  rowForm(
    'MLflow, dataframe_records',
    (gateway, request) => {
      const { columns, cells } = frame(request);
      const records = cells.map((row) => `{${row.map((cell, i) => `${JSON.stringify(columns[i])}:${cell}`).join(',')}}`);
      return invoke(gateway, request, `{"dataframe_records":[${records.join(',')}]}`);
    },
    // A list without records has no columns.
    (request) => wholeAnswer(request) && request.inputs[0]!.shape[0] !== 0,
  ),
  rowForm('MLflow, instances', (gateway, request) => invoke(gateway, request, `{"instances":${instances(request, false)},"params":{"temperature":0.5}}`)),
  columnForm('MLflow, inputs', (gateway, request) => invoke(gateway, request, `{"inputs":${wholeInputs(request, false)}}`)),
  rowForm(
    'MLflow, CSV',
    (gateway, request) => {
      const { columns, cells } = frame(request);
      const quoted = (cell: Json): string => (cell.startsWith('"') ? `"${(JSON.parse(cell) as string).replaceAll('"', '""')}"` : cell);
      const lines = [columns.map((name) => `"${name}"`), ...cells.map((row) => row.map(quoted))];
      return invoke(gateway, request, lines.map((line) => line.join(',')).join('\r\n'), 'text/csv');
    },
    (request) => wholeAnswer(request) && singleValues(request),
  ),
];
