/** The process that reads and writes long texts for a gateway: a frame in, two out, until the gateway closes the socket. */
import { constants, setPriority } from 'node:os';
import { Socket } from 'node:net';
import { FrameReader, jsonMessage, writeFrame } from '../../../runtimes/open-inference/frame.js';
import { TEXT_BEGUN, TEXT_FRAME } from './text-process.js';
import { carryOut } from './text-work.js';

process.title = 'pilothouse-text';
// What is long gives way to what is short.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

const gateway = new Socket({ fd: 3 });
const reader = new FrameReader((frame) => {
  writeFrame(gateway, frame.id, TEXT_BEGUN, jsonMessage());
  const { result, binary } = carryOut(frame);
  writeFrame(gateway, frame.id, TEXT_FRAME, { json: Buffer.from(JSON.stringify(result)), binary });
}, Infinity);
gateway.on('data', (chunk) => reader.push(chunk));
gateway.on('error', () => process.exit());
gateway.on('close', () => process.exit());
