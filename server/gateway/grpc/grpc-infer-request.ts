/** `ModelInferRequest` of the Open Inference Protocol over gRPC, to what the data plane takes. Field numbers: open-inference.proto. */
import { decodeBase64, isBase64, withoutContentType } from '../../../runtimes/open-inference/content-type.js';
import { tensorFromBytes, type InferRequest, type ParameterValue } from '../../../runtimes/open-inference/message.js';
import { assertBooleans, isClassCount, MAX_CLASSES } from '../../../runtimes/open-inference/rest-request.js';
import { isDatatype, TensorError, type Tensor } from '../../../runtimes/tensor.js';
import { ProtobufReader } from './protobuf-reader.js';
import { tensorFromContents } from './grpc-tensor-contents.js';

/** No model has more, and each makes objects here before it can be checked. */
const MAX_TENSORS = 1_024;
const MAX_PARAMETERS = 256;
const MAX_RANK = 64;
const MAX_FIELDS = 2 * MAX_TENSORS + MAX_TENSORS + MAX_PARAMETERS + 64;

/** Of Triton's stream calls: the client wants to be told which answer to a request is its last. Here each has one. */
const FINAL_RESPONSE_WANTED = 'triton_enable_empty_final_response';
/** What would change the answer, and is not offered: ignored, it would give something else than was asked for. */
const REFUSED = 'shared_memory_region';
/** Triton's classification extension: the number of classes to name instead of an output's tensor. */
const CLASSES = 'classification';

/** Whom a request is for. */
export interface InferAddress {
  readonly model: string;
  /** `''` for none. */
  readonly version: string;
  /** `''` for none. */
  readonly id: string;
}

/** How a requested output is to be answered. */
export interface RequestedOutput {
  readonly name: string;
  /** The number of classes to name instead; 0 for the output itself. */
  readonly classes: number;
  readonly base64: boolean;
}

export interface GrpcInferRequest {
  readonly request: InferRequest;
  readonly finalResponseWanted: boolean;
  /** For each requested output; undefined where all of the model's are wanted. */
  readonly forms: readonly RequestedOutput[] | undefined;
}

/** Reads whom a request is for and passes over all else. @throws TensorError for bytes that are no protocol buffer */
export function readAddress(message: Buffer): InferAddress {
  const texts = ['', '', '', ''];
  const reader = new ProtobufReader(message);
  let fields = 0;
  for (let field = reader.tag(); field !== 0; field = reader.tag()) {
    if (++fields > MAX_FIELDS) throw new TensorError(`the request has more than ${MAX_FIELDS} fields`);
    if (field <= 3) texts[field] = reader.string();
    else reader.skip();
  }
  return { model: texts[1]!, version: texts[2]!, id: texts[3]! };
}

interface InputHeader {
  name: string;
  datatype: string;
  shape: number[];
  contents: ProtobufReader[];
  base64: boolean;
}

/** @throws TensorError that says where and what */
export function readInferRequest(message: Buffer): GrpcInferRequest {
  const headers: InputHeader[] = [];
  const outputs: RequestedOutput[] = [];
  const raw: Buffer[] = [];
  const parameters: Record<string, ParameterValue> = {};
  const reader = new ProtobufReader(message);
  for (let field = reader.tag(); field !== 0; field = reader.tag()) {
    if (field === 4) readParameter(reader.message(), parameters, 'the request');
    else if (field === 5) limited(headers, 'inputs').push(readInput(reader.message(), headers.length));
    else if (field === 6) limited(outputs, 'outputs').push(readOutput(reader.message(), outputs.length));
    else if (field === 7) limited(raw, 'raw_input_contents').push(reader.bytes());
    else reader.skip();
  }
  const { [FINAL_RESPONSE_WANTED]: wanted, ...others } = withoutContentType(parameters);
  const inputs = raw.length > 0 ? fromRaw(headers, raw) : headers.map(fromContents);
  const request = {
    inputs: inputs.map((tensor, i) => (headers[i]!.base64 ? decodeBase64(tensor, `input "${tensor.name}"`) : tensor)),
    ...(outputs.length > 0 && { outputs: outputs.map(({ name }) => name) }),
    ...(Object.keys(others).length > 0 && { parameters: others }),
  };
  return { request, finalResponseWanted: wanted === true, forms: outputs.length > 0 ? outputs : undefined };
}

function limited<T>(list: T[], what: string): T[] {
  if (list.length === MAX_TENSORS) throw new TensorError(`the request has more than ${MAX_TENSORS} ${what}`);
  return list;
}

function fromRaw(headers: readonly InputHeader[], raw: readonly Buffer[]): Tensor[] {
  const typed = headers.find(({ contents }) => contents.length > 0);
  if (typed) throw new TensorError(`input "${typed.name}" has contents, and the request has raw_input_contents too; use one of the two`);
  if (raw.length !== headers.length)
    throw new TensorError(`raw_input_contents has ${raw.length} entries for ${headers.length} inputs; send one entry for each input`);
  return headers.map(({ name, datatype, shape }, i) => {
    const known = datatypeOf(datatype, name);
    const where = `raw_input_contents[${i}], input "${name}"`;
    let tensor: Tensor;
    try {
      tensor = tensorFromBytes(name, known, shape, raw[i]!);
    } catch (error) {
      throw error instanceof TensorError ? new TensorError(`${where}: ${error.message}`) : error;
    }
    if (known === 'BOOL') assertBooleans(tensor.data as Uint8Array, where);
    return tensor;
  });
}

const fromContents = ({ name, datatype, shape, contents }: InputHeader): Tensor => tensorFromContents(name, datatypeOf(datatype, name), shape, contents);

function datatypeOf(datatype: string, name: string): Tensor['datatype'] {
  if (isDatatype(datatype)) return datatype;
  const shown = JSON.stringify(datatype.slice(0, 40));
  throw new TensorError(`input "${name}": ${shown} is not a datatype; use BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 and BYTES`);
}

function readInput(reader: ProtobufReader, index: number): InputHeader {
  const header: InputHeader = { name: '', datatype: '', shape: [], contents: [], base64: false };
  const parameters = {};
  for (let field = reader.tag(); field !== 0; field = reader.tag()) {
    if (field === 1) header.name = tensorName(reader, `inputs[${index}]`);
    else if (field === 2) header.datatype = reader.string();
    else if (field === 3) readShape(reader, header.shape, index);
    else if (field === 4) readParameter(reader.message(), parameters, `inputs[${index}]`);
    else if (field === 5) limitedParts(header.contents, index).push(reader.message());
    else reader.skip();
  }
  if (header.name === '') throw new TensorError(`inputs[${index}] has no name`);
  refuse(parameters, `input "${header.name}"`);
  header.base64 = isBase64(parameters, `input "${header.name}"`);
  return header;
}

/** A field that comes twice is one message, merged. No usual client sends it more often than the limit. */
function limitedParts(parts: ProtobufReader[], index: number): ProtobufReader[] {
  if (parts.length === MAX_RANK) throw new TensorError(`inputs[${index}] has its contents in more than ${MAX_RANK} parts`);
  return parts;
}

function readOutput(reader: ProtobufReader, index: number): RequestedOutput {
  let name = '';
  const parameters: Record<string, ParameterValue> = {};
  for (let field = reader.tag(); field !== 0; field = reader.tag()) {
    if (field === 1) name = tensorName(reader, `outputs[${index}]`);
    else if (field === 2) readParameter(reader.message(), parameters, `outputs[${index}]`);
    else reader.skip();
  }
  if (name === '') throw new TensorError(`outputs[${index}] has no name`);
  refuse(parameters, `output "${name}"`);
  const { [CLASSES]: classes = 0 } = parameters;
  if (!isClassCount(classes))
    throw new TensorError(
      `output "${name}": the parameter "${CLASSES}" is ${JSON.stringify(classes)}; it must be the number of classes wanted, at most ${MAX_CLASSES}`,
    );
  const base64 = isBase64(parameters, `output "${name}"`);
  if (base64 && classes > 0) throw new TensorError(`output "${name}" has both "${CLASSES}" and the "content_type" "base64"; remove one of them`);
  return { name, classes, base64 };
}

function tensorName(reader: ProtobufReader, where: string): string {
  const bytes = reader.bytes();
  // Names go into messages, and those into headers.
  if (bytes.length > 1_024) throw new TensorError(`the name of ${where} has ${bytes.length} bytes; the limit is 1024`);
  return bytes.toString('utf8');
}

function readShape(reader: ProtobufReader, shape: number[], index: number): void {
  const add = (dimension: number) => {
    if (shape.length === MAX_RANK) throw new TensorError(`inputs[${index}] has a shape of more than ${MAX_RANK} dimensions`);
    shape.push(dimension);
  };
  if (reader.wire !== 2) return add(reader.integer());
  for (const list = reader.message(); list.left > 0;) {
    list.varint();
    add(list.signed);
  }
}

/** One entry of a map: key and value. */
function readParameter(entry: ProtobufReader, parameters: Record<string, ParameterValue>, where: string): void {
  let key = '';
  let value: ParameterValue | undefined;
  for (let field = entry.tag(); field !== 0; field = entry.tag()) {
    if (field === 1) key = entry.string();
    else if (field === 2) value = readValue(entry.message(), key, where);
    else entry.skip();
  }
  // The typed form of JSON's null: a parameter that is absent.
  if (value === undefined) return;
  // Not through assignment, which would take "__proto__" for something else.
  Object.defineProperty(parameters, key, { value, enumerable: true, configurable: true, writable: true });
  if (Object.keys(parameters).length > MAX_PARAMETERS) throw new TensorError(`${where} has more than ${MAX_PARAMETERS} parameters`);
}

function readValue(reader: ProtobufReader, key: string, where: string): ParameterValue | undefined {
  let value: ParameterValue | undefined;
  for (let field = reader.tag(); field !== 0; field = reader.tag()) {
    if (field === 1) value = reader.integer() !== 0;
    else if (field === 2) value = exact(reader.integer(), key, where);
    else if (field === 3) value = reader.string();
    else if (field === 4) value = finite(reader.double(), key, where);
    else if (field === 5) {
      reader.integer();
      value = exact(reader.unsigned, key, where);
    } else reader.skip();
  }
  return value;
}

function exact(value: number, key: string, where: string): number {
  if (Number.isSafeInteger(value)) return value;
  throw new TensorError(`parameter ${JSON.stringify(key.slice(0, 40))} of ${where} is beyond 2^53; send it as a string`);
}

function finite(value: number, key: string, where: string): number {
  if (Number.isFinite(value)) return value;
  throw new TensorError(`parameter ${JSON.stringify(key.slice(0, 40))} of ${where} is ${value}; it must be finite`);
}

function refuse(parameters: Readonly<Record<string, ParameterValue>>, where: string): void {
  if (REFUSED in parameters) throw new TensorError(`${where} has the parameter "${REFUSED}", which is not supported`);
}
