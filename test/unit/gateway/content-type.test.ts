import { expect, test } from 'vitest';
import { decodeBase64, encodeBase64, nanForNull } from '../../../runtimes/open-inference/content-type.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { openInferenceText } from '../../../server/gateway/text/open-inference-text.js';

const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const tensor = (...data: Buffer[]): Tensor => ({ name: 'y', datatype: 'BYTES', shape: [data.length], data });

test('any bytes come back as they were', () => {
  const encoded = encodeBase64(tensor(every, Buffer.alloc(0), every.subarray(3, 5)), 'y');
  expect((encoded.data as Uint8Array[]).map(String)).toEqual([every.toString('base64'), '', 'AwQ=']);
  expect((decodeBase64(encoded, 'y').data as Uint8Array[]).map((bytes) => Buffer.from(bytes))).toEqual([every, Buffer.alloc(0), every.subarray(3, 5)]);
});

test('JSON carries bytes that are not UTF-8 as base64, and says so', () => {
  const form = (binary: boolean) => ({ forms: [{ name: 'y', binary, classes: 0, base64: true }], binaryOutputs: false });
  const by = { model: 'm', version: 1 };
  expect(JSON.parse(String(openInferenceText.write([tensor(Buffer.of(255))], form(false), by).body))).toMatchObject({
    outputs: [{ parameters: { content_type: 'base64' }, data: ['/w=='] }],
  });
  const { body, binary } = openInferenceText.write([tensor(Buffer.of(255))], form(true), by);
  expect(JSON.parse(String(body))).toMatchObject({ outputs: [{ parameters: { content_type: 'base64', binary_data_size: 8 } }] });
  expect(String(Buffer.concat(binary!).subarray(4))).toBe('/w==');
});

test('the work of encoding counts, also where the answer is binary', () => {
  const form = (base64: boolean) => ({ forms: [{ name: 'y', binary: true, classes: 0, base64 }], binaryOutputs: false });
  expect([true, false].map((base64) => openInferenceText.elements([tensor(every)], form(base64)))).toEqual([65, 0]);
});

test('null is NaN at any depth that a tensor has, and deeper data does not exhaust the stack', () => {
  expect(nanForNull([[1, null], [[null]]])).toEqual([[1, 'NaN'], [['NaN']]]);
  const deep: unknown = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
  expect(Array.isArray(nanForNull(deep))).toBe(true);
});
