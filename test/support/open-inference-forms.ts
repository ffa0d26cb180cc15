/** The forms of the Open Inference Protocol over HTTP, as tritonclient and its kind send them. */
import { deflateSync, gzipSync } from 'node:zlib';
import { tensorFromJson } from '../../runtimes/open-inference/json.js';
import { tensorFromBytes, tensorToBytes } from '../../runtimes/open-inference/message.js';
import type { Datatype, Signature, Tensor } from '../../runtimes/tensor.js';
import { flat, nested, read, send, type Json, type RestGateway } from './json-over-http.js';
import type { InferenceCase, ProtocolForm } from './protocol-cases.js';

interface OpenInferenceOptions {
  readonly data: (tensor: Tensor) => Json;
  readonly binaryIn: (i: number) => boolean;
  /** undefined: nothing is said of the outputs, save which of them are wanted. */
  readonly binaryOut?: (i: number) => boolean;
  readonly binaryAll?: boolean;
  readonly compression?: 'gzip' | 'deflate';
  readonly versioned?: boolean;
}

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

const all = (): boolean => true;
const none = (): boolean => false;
const odd = (i: number): boolean => i % 2 === 1;

const openInferenceForm = (title: string, options: Partial<OpenInferenceOptions>): ProtocolForm<RestGateway> => ({
  title: `OIP REST, ${title}`,
  carries: all,
  infer: (gateway, request, signature) => openInference(gateway, request, signature, { data: flat, binaryIn: none, ...options }),
});

export const OPEN_INFERENCE_FORMS: readonly ProtocolForm<RestGateway>[] = [
  openInferenceForm('flat JSON', {}),
  openInferenceForm('nested JSON, by version', { data: nested, versioned: true }),
  openInferenceForm('binary both ways', { binaryIn: all, binaryAll: true }),
  openInferenceForm('binary in, JSON out', { binaryIn: all }),
  openInferenceForm('JSON in, binary out', { binaryOut: all }),
  openInferenceForm('a mix', { data: nested, binaryIn: odd, binaryOut: odd }),
  openInferenceForm('the other mix', { binaryIn: (i) => !odd(i), binaryOut: (i) => !odd(i), binaryAll: true }),
  openInferenceForm('gzip both ways', { binaryIn: odd, binaryAll: true, compression: 'gzip' }),
  openInferenceForm('deflate both ways', { compression: 'deflate' }),
];
