/** The process that reads and writes long texts for a gateway: one frame in, one frame out, until the gateway closes the socket. */
import { constants, setPriority } from 'node:os';
import { Socket } from 'node:net';
import { FrameReader, writeFrame, type Frame } from '../../runtimes/open-inference/frame.js';
import { decodeResponse, encodeRequest } from '../../runtimes/open-inference/message.js';
import { TensorError } from '../../runtimes/tensor.js';
import { MAX_FRAME_BYTES } from './limits.js';
import { TEXT_FRAME, type TextResult, type TextTask } from './protocols/text-process.js';
import { textProtocol } from './protocols/text-protocols.js';

interface Done {
  readonly result: TextResult;
  readonly binary: readonly Uint8Array[];
}

process.title = 'pilothouse-text';
// What is long gives way to what is short.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

const gateway = new Socket({ fd: 3 });
const reader = new FrameReader((frame) => {
  const { result, binary } = carryOut(frame);
  writeFrame(gateway, frame.id, TEXT_FRAME, { json: Buffer.from(JSON.stringify(result)), binary });
}, MAX_FRAME_BYTES);
gateway.on('data', (chunk) => reader.push(chunk));
gateway.on('error', () => process.exit());
gateway.on('close', () => process.exit());

function carryOut({ json, binary }: Frame): Done {
  try {
    const task = JSON.parse(json.toString()) as TextTask;
    const { read, write } = textProtocol(task.protocol);
    if (task.do === 'read') {
      const { request, form } = read(binary, task.context as never);
      const message = encodeRequest(request);
      return { result: { did: 'read', request: message.json.toString(), form }, binary: message.binary };
    }
    const text = write(decodeResponse(Buffer.from(task.outputs), binary).outputs, task.form as never, task.by);
    const parts = [Buffer.from(text.body as string), ...(text.binary ?? [])];
    return { result: { did: 'write', sizes: parts.map((part) => part.byteLength) }, binary: parts };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { result: { did: error instanceof TensorError ? 'refuse' : 'fail', reason }, binary: [] };
  }
}
