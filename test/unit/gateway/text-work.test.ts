/** What the process for long texts makes of them. */
import { expect, test } from 'vitest';
import { encodeResponse } from '../../../runtimes/open-inference/message.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { MAX_TEXT_HEADER_BYTES } from '../../../server/gateway/limits.js';
import type { TextTask } from '../../../server/gateway/text/text-process.js';
import { carryOut } from '../../../server/gateway/text/text-work.js';

const framed = (task: TextTask, binary: Buffer) => ({ json: Buffer.from(JSON.stringify(task)), binary });
const read = (body: unknown) =>
  carryOut(framed({ do: 'read', protocol: 'open-inference', context: { headerLength: undefined } }, Buffer.from(JSON.stringify(body))));

test('an answer that is too long says so, and what would be right', () => {
  const outputs: Tensor[] = [{ name: 's', datatype: 'BYTES', shape: [1], data: [Buffer.alloc(1_000, 1)] }];
  const { json, binary } = encodeResponse({ outputs });
  const by = { model: 'm', version: 1 };
  const task: TextTask = { do: 'write', protocol: 'open-inference', form: { binaryOutputs: false }, by, outputs: json.toString() };
  const frame = framed(task, Buffer.concat(binary));
  expect(carryOut(frame, 7_000).result).toMatchObject({ did: 'write' });
  // Each control character is six.
  expect(carryOut(frame, 6_000)).toEqual({
    result: {
      did: 'refuse',
      reason: 'the answer as text is longer than 6000 bytes; ask for fewer rows, or for binary data, which the Open Inference Protocol has',
    },
    binary: [],
  });
});

test('what the gateway would have to read again itself is limited', () => {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }];
  expect(read({ inputs, outputs: [{ name: 'y' }] }).result).toMatchObject({ did: 'read' });
  const reason = expect.stringMatching(
    new RegExp(`^the request has \\d+ bytes of names, parameters and requested outputs; the limit is ${MAX_TEXT_HEADER_BYTES}$`),
  ) as string;
  expect(read({ inputs, outputs: new Array(60_000).fill({ name: 'y' }) }).result).toEqual({ did: 'refuse', reason });
  expect(read({ id: 'i'.repeat(MAX_TEXT_HEADER_BYTES), inputs }).result).toEqual({ did: 'refuse', reason });
});
