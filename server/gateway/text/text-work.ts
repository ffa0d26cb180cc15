/** What the process for long texts does with one of them. */
import type { Frame } from '../../../runtimes/open-inference/frame.js';
import { decodeResponse, encodeRequest } from '../../../runtimes/open-inference/message.js';
import { TensorError } from '../../../runtimes/tensor.js';
import { MAX_TEXT_BYTES, MAX_TEXT_HEADER_BYTES } from '../limits.js';
import type { TextResult, TextTask } from './text-process.js';
import type { Text } from './text-protocol.js';
import { textProtocol } from './text-protocols.js';

export interface Done {
  readonly result: TextResult;
  readonly binary: readonly Uint8Array[];
}

/** Never throws. @param maxBytes of an answer */
export function carryOut({ json, binary }: Pick<Frame, 'json' | 'binary'>, maxBytes = MAX_TEXT_BYTES): Done {
  try {
    const task = JSON.parse(json.toString()) as TextTask;
    return task.do === 'read' ? read(task, binary) : write(task, binary, maxBytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const result: TextResult = error instanceof TensorError ? { did: 'refuse', reason, part: error.part } : { did: 'fail', reason };
    return { result, binary: [] };
  }
}

function read({ protocol, context }: Extract<TextTask, { do: 'read' }>, body: Buffer): Done {
  const { request, form } = textProtocol(protocol).read(body, context as never);
  const { json, binary } = encodeRequest(request);
  const header = json.length + JSON.stringify(form).length;
  if (header > MAX_TEXT_HEADER_BYTES)
    throw new TensorError(`the request has ${header} bytes of names, parameters and requested outputs; the limit is ${MAX_TEXT_HEADER_BYTES}`);
  return { result: { did: 'read', request: json.toString(), form }, binary };
}

function write({ protocol, outputs, form, by }: Extract<TextTask, { do: 'write' }>, binary: Buffer, maxBytes: number): Done {
  const tensors = decodeResponse(Buffer.from(outputs), binary).outputs;
  let text: Text;
  try {
    text = textProtocol(protocol).write(tensors, form as never, by);
  } catch (error) {
    // The engine's strings end somewhere too.
    throw error instanceof RangeError ? tooLong(maxBytes) : error;
  }
  const parts = [Buffer.from(text.body as string), ...(text.binary ?? [])];
  const sizes = parts.map((part) => part.byteLength);
  if (sizes.reduce((sum, size) => sum + size, 0) > maxBytes) throw tooLong(maxBytes);
  return { result: { did: 'write', sizes }, binary: parts };
}

const tooLong = (maxBytes: number) =>
  new TensorError(`the answer as text is longer than ${maxBytes} bytes; ask for fewer rows, or for binary data, which the Open Inference Protocol has`);
