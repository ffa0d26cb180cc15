/** BYTES tensors that the gateway only passes on: their elements never become objects there. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeResponse, encodeMerged, encodeResponse, packBytes, tensorFromBytes, tensorToBytes } from '../../../runtimes/open-inference/message.js';
import { PackedTensor } from '../../../runtimes/open-inference/packed-tensor.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { agrees } from '../../../server/metering/agreement.js';
import { splitRows } from '../../../server/gateway/dispatch/batch.js';
import { inferResponse } from '../../../server/gateway/grpc/grpc-infer-response.js';
import { readInferRequest } from '../../../server/gateway/grpc/grpc-infer-request.js';
import { openInferenceText } from '../../../server/gateway/text/open-inference-text.js';
import { tensorBytes } from '../../../server/gateway/dispatch/tensor-bytes.js';
import { inferCodec, inferMessage } from '../../support/grpc.js';

/** One that tells whether somebody made objects of its elements. */
const untouched = (tensor: Tensor): boolean => tensor instanceof PackedTensor && (tensor as unknown as { elements?: unknown }).elements === undefined;
const textsOf = ({ data }: Tensor): string[] => (data as readonly Uint8Array[]).map((element) => Buffer.from(element).toString('latin1'));
const elements = fc.array(
  fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
  { minLength: 1, maxLength: 12 },
);
const packed = (data: readonly Buffer[], name = 's'): Tensor => tensorFromBytes(name, 'BYTES', [data.length], packBytes(data));

describe('what the gateway does with strings it only passes on', () => {
  const strings = ['a', '', 'é', 'dddd'].map((text) => Buffer.from(text));
  const request = () => {
    const tensor = { name: 's', datatype: 'BYTES', shape: [2, 2], parameters: { binary_data_size: packBytes(strings).length } };
    const json = Buffer.from(JSON.stringify({ inputs: [tensor], parameters: { binary_data_output: true } }));
    return openInferenceText.read(Buffer.concat([json, packBytes(strings)]), { headerLength: String(json.length) });
  };

  test('a binary request over HTTP', () => {
    const { request: read } = request();
    expect(tensorBytes(read.inputs)).toBe(16 + 1 + 2 + 4);
    const merged = encodeMerged([read, request().request]);
    expect(Buffer.concat(merged.binary)).toEqual(Buffer.concat([packBytes(strings), packBytes(strings)]));
    expect(read.inputs.every(untouched)).toBe(true);
  });

  test.each([false, true])('a request over gRPC, typed: %s', (typed) => {
    const message = inferCodec.ModelInfer.requestSerialize(inferMessage('m', [{ name: 's', datatype: 'BYTES', shape: [4], data: strings }], { typed }));
    const [tensor] = readInferRequest(message).request.inputs;
    expect(Buffer.from(tensorToBytes(tensor!))).toEqual(packBytes(strings));
    expect(untouched(tensor!)).toBe(true);
    expect(textsOf(tensor!)).toEqual(strings.map((text) => text.toString('latin1')));
  });

  test('an answer that is cut apart, compared with a shadow’s, and written', () => {
    const message = encodeResponse({ outputs: [packed(strings)] });
    const [output] = decodeResponse(message.json, Buffer.concat(message.binary)).outputs;
    const parts = splitRows([output!], [{ rows: 1 }, { rows: 3 }])!.flat();
    expect(agrees([parts[0]!], [packed(strings.slice(0, 1))])).toBe(true);
    expect(agrees([parts[1]!], [packed(strings.slice(1))])).toBe(true);
    const { form } = request();
    expect(openInferenceText.elements(parts, form)).toBe(0);
    expect(openInferenceText.write(parts, form, { model: 'm', version: 1 }).binary!.map((part) => Buffer.from(part))).toEqual([
      packBytes(strings.slice(0, 1)),
      packBytes(strings.slice(1)),
    ]);
    expect(inferResponse({ model: 'm', version: 1, id: '', outputs: parts }).byteLength).toBeGreaterThan(0);
    expect([output!, ...parts].every(untouched)).toBe(true);
  });
});

test('any cut of any strings gives their parts', () => {
  fc.assert(
    fc.property(elements, fc.array(fc.nat({ max: 12 }), { maxLength: 8 }), (data, places) => {
      const tensor = packed(data) as PackedTensor;
      // In any order, though the gateway cuts from the front to the end.
      for (const place of places) {
        const [from, to] = [Math.min(place, data.length), data.length];
        expect(textsOf(tensor.part([to - from], from, to))).toEqual(textsOf(packed(data)).slice(from, to));
      }
      const rows = data.map(() => ({ rows: 1 }));
      expect(splitRows([tensor], rows)!.map(([part]) => textsOf(part!))).toEqual(textsOf(tensor).map((text) => [text]));
    }),
  );
});

test('shadows disagree where the same bytes are other strings', () => {
  expect(agrees([packed([Buffer.from('ab'), Buffer.from('c')])], [packed([Buffer.from('a'), Buffer.from('bc')])])).toBe(false);
  const plain: Tensor = { name: 's', datatype: 'BYTES', shape: [1], data: [Buffer.from('ab')] };
  expect(agrees([plain], [packed([Buffer.from('ab')])])).toBe(true);
});

test.each([
  ['ends too early', Buffer.of(1, 0, 0, 0, 65, 2, 0), 2, 'BYTES data ends after 1 of 2 elements'],
  ['claims more than there is', Buffer.of(5, 0, 0, 0, 65), 1, 'BYTES element 0 claims to end at byte 9 of 5'],
  ['goes on', Buffer.of(1, 0, 0, 0, 65, 66), 1, 'BYTES data has 1 bytes after its 1 elements'],
])('what %s is refused before anybody asks for an element', (_, bytes, count, message) => {
  expect(() => tensorFromBytes('s', 'BYTES', [count], bytes)).toThrow(message);
});
