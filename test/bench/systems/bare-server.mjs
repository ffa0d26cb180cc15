/**
 * The limit of what one may write by hand in Node: `node:http` with onnxruntime-node in the same process, one inference a request, no batching, no
 * limits, no authentication, no metering. Open Inference Protocol in and out, JSON and the binary tensor extension.
 */
import { createServer } from 'node:http';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { SESSION_OPTIONS } from './expected.mjs';

env.logLevel = 'error';
const sessions = new Map();
for (const [name, file] of Object.entries(JSON.parse(process.env.BENCH_MODELS)))
  sessions.set(`/v2/models/${name}/infer`, { name, session: await InferenceSession.create(file, SESSION_OPTIONS) });

const DATATYPES = { float32: 'FP32', int64: 'INT64' };

function readTensor(body, headLength) {
  const [input] = JSON.parse(headLength === undefined ? body.toString('utf8') : body.toString('utf8', 0, headLength)).inputs;
  if (headLength === undefined) return [input.name, new Tensor('float32', Float32Array.from(input.data), input.shape)];
  // Copied, because a Float32Array must begin at a multiple of four.
  const bytes = new Uint8Array(body.subarray(headLength, headLength + input.parameters.binary_data_size));
  return [input.name, new Tensor('float32', new Float32Array(bytes.buffer), input.shape)];
}

function answerJson(name, results) {
  const outputs = Object.entries(results).map(([output, { type, dims, data }]) => ({
    name: output,
    shape: dims,
    datatype: DATATYPES[type],
    data: Array.from(data, type === 'int64' ? Number : undefined),
  }));
  return { headers: { 'Content-Type': 'application/json' }, body: Buffer.from(JSON.stringify({ model_name: name, model_version: '1', outputs })) };
}

function answerBinary(name, results) {
  const buffers = [];
  const outputs = Object.entries(results).map(([output, { type, dims, data }]) => {
    buffers.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    return { name: output, shape: dims, datatype: DATATYPES[type], parameters: { binary_data_size: data.byteLength } };
  });
  const head = Buffer.from(JSON.stringify({ model_name: name, model_version: '1', outputs }));
  return {
    headers: { 'Content-Type': 'application/octet-stream', 'Inference-Header-Content-Length': head.length },
    body: Buffer.concat([head, ...buffers]),
  };
}

const server = createServer((request, response) => {
  const target = sessions.get(request.url);
  if (!target) return response.writeHead(404).end();
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    try {
      const declared = request.headers['inference-header-content-length'];
      const [input, tensor] = readTensor(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks), declared === undefined ? undefined : Number(declared));
      const results = await target.session.run({ [input]: tensor });
      const { headers, body } = (declared === undefined ? answerJson : answerBinary)(target.name, results);
      response.writeHead(200, { ...headers, 'Content-Length': body.length }).end(body);
    } catch (error) {
      response.writeHead(400).end(error.message);
    }
  });
});
server.listen({ host: '127.0.0.1', port: Number(process.env.BENCH_PORT), backlog: 4_096 });
