/** The forms of TensorFlow Serving, KServe V1 and MLflow, whose requests are rows or columns. */
import { tensorFromJson } from '../../runtimes/open-inference/json.js';
import type { Signature, Tensor, TensorSpec } from '../../runtimes/tensor.js';
import { element, nested, read, rows, send, type Json, type RestGateway } from './json-over-http.js';
import type { InferenceCase, ProtocolForm } from './protocol-cases.js';

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

/** TensorFlow Serving and MLflow answer all outputs, and their rows are JSON. */
const wholeAnswer = ({ outputs }: InferenceCase): boolean => outputs === undefined;
/** Without a row there is nothing that a cell could hold. */
const singleValues = ({ inputs }: InferenceCase): boolean =>
  inputs.every(({ shape }) => shape.length === 1) || (inputs.length === 1 && inputs[0]!.shape.length === 2);

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

export const ROW_PROTOCOL_FORMS: readonly ProtocolForm<RestGateway>[] = [
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
