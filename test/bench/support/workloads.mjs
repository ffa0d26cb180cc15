/** What is sent: one row each, as Open Inference Protocol JSON or with its binary tensor extension; and what must come back. */
import { randomFloats } from './models.mjs';

const INPUTS = {
  'mlp-4-16-3': { name: 'x', shape: [1, 4] },
  digits: { name: 'pixels', shape: [1, 64] },
  'mlp-784': { name: 'x', shape: [1, 784] },
  convnet: { name: 'image', shape: [1, 3, 224, 224] },
};

/** Four digits behind the point: what a client that rounds its features sends. */
function valuesFor(model) {
  const { shape } = INPUTS[model];
  const random = randomFloats(
    shape.reduce((product, dim) => product * dim, 1),
    4242,
  );
  if (model === 'digits') return random.map((value) => Math.floor((value + 1) * 8.5));
  return random.map((value) => Math.round(value * 1e4) / 1e4);
}

/** @returns {{ id: string, model: string, encoding: 'json' | 'binary', input: string, shape: number[], values: Float32Array, headers: Record<string, string>, body: Buffer }} */
export function workload(model, encoding) {
  const { name, shape } = INPUTS[model];
  const values = valuesFor(model);
  const tensor = { name, shape, datatype: 'FP32' };
  const base = { id: `${model} ${encoding}`, model, encoding, input: name, shape, values };
  if (encoding === 'json') {
    const data = [...values].map((value) => Number(value.toFixed(4)));
    return { ...base, headers: { 'Content-Type': 'application/json' }, body: Buffer.from(JSON.stringify({ inputs: [{ ...tensor, data }] })) };
  }
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const head = Buffer.from(
    JSON.stringify({ inputs: [{ ...tensor, parameters: { binary_data_size: bytes.length } }], parameters: { binary_data_output: true } }),
  );
  const headers = { 'Content-Type': 'application/octet-stream', 'Inference-Header-Content-Length': String(head.length) };
  return { ...base, headers, body: Buffer.concat([head, bytes]) };
}

/** The FP32 outputs of an answer, each as its numbers. Servers differ in where they put "data": every one of them is found. */
export function answeredFloats(headers, bytes) {
  const length = Number(headers['inference-header-content-length']);
  if (!Number.isInteger(length)) return dataOf(JSON.parse(bytes.toString('utf8')));
  const { outputs } = JSON.parse(bytes.subarray(0, length).toString('utf8'));
  let offset = length;
  const found = [];
  for (const { datatype, parameters, data } of outputs) {
    const size = parameters?.binary_data_size;
    if (size === undefined) found.push(data.flat(Infinity));
    else if (datatype === 'FP32') found.push([...new Float32Array(new Uint8Array(bytes.subarray(offset, offset + size)).buffer)]);
    offset += size ?? 0;
  }
  return found;
}

function dataOf(value) {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === 'data' && Array.isArray(inner) ? [inner.flat(Infinity)] : dataOf(inner)));
}

const TOLERANCE = 1e-4;

/** @throws Error when none of the answer's tensors is what the library itself computed */
export function expectAnswer(load, expected, headers, bytes) {
  const found = answeredFloats(headers, bytes);
  const same = (data) => data.length === expected.length && data.every((value, i) => Math.abs(value - expected[i]) <= TOLERANCE);
  if (!found.some(same))
    throw new Error(
      `${load.id}: the answer is not what onnxruntime computes (${expected.slice(0, 3).join(', ')}…): ${bytes.subarray(0, 300).toString('utf8')}`,
    );
}
