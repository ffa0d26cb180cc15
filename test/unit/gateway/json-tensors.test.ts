import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { halfBits, halfValue } from '../../../runtimes/open-inference/half.js';
import { InexactNumberError, tensorDataText, tensorFromJson, tensorToJson } from '../../../runtimes/open-inference/json.js';
import { restRequestFrom } from '../../../runtimes/open-inference/rest-request.js';
import { allocate, bytesOf, TensorError, type Datatype, type NumericData, type NumericDatatype, type Tensor } from '../../../runtimes/tensor.js';
import { quoteBareWords, readJson } from '../../../server/json-body.js';

const restRequest = (value: unknown) => restRequestFrom(value);
const one = (datatype: string, shape: unknown, data: unknown) => tensorFromJson({ name: 'x', datatype, shape, data }, 'inputs[0]');
const throughText = (tensor: Tensor): Tensor =>
  readJson(Buffer.from(`{"name":"x","datatype":"${tensor.datatype}","shape":${JSON.stringify(tensor.shape)},"data":${tensorDataText(tensor)}}`), (value) =>
    tensorFromJson(value as never, 'inputs[0]'),
  );
const bits = (tensor: Tensor): string =>
  tensor.datatype === 'BYTES'
    ? (tensor.data as readonly Uint8Array[]).map((e) => Buffer.from(e).toString('hex')).join()
    : Buffer.from(bytesOf(tensor.data as NumericData)).toString('hex');

/** Arbitrary bit patterns of a datatype, every NaN made the one that JSON's word gives back. */
function numeric(datatype: NumericDatatype): fc.Arbitrary<Tensor> {
  return fc.uint8Array({ maxLength: 160 }).map((bytes) => {
    const probe = allocate(datatype, 1).BYTES_PER_ELEMENT;
    const count = Math.floor(bytes.length / probe);
    const data = allocate(datatype, count) as NumericData;
    bytesOf(data).set(bytes.subarray(0, count * probe));
    if (datatype === 'BOOL') (data as Uint8Array).forEach((v, i) => ((data as Uint8Array)[i] = v & 1));
    if (datatype === 'FP16') (data as Uint16Array).forEach((v, i) => ((data as Uint16Array)[i] = Number.isNaN(halfValue(v)) ? 0x7e00 : v));
    if (datatype === 'FP32' || datatype === 'FP64') (data as Float32Array).forEach((v, i) => Number.isNaN(v) && ((data as Float32Array)[i] = NaN));
    return { name: 'x', datatype, shape: [count], data } as Tensor;
  });
}

const NUMERIC: NumericDatatype[] = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'FP16', 'FP32', 'FP64'];

describe('values survive', () => {
  test.each(NUMERIC)('%s comes back from JSON text and from plain values with every bit', (datatype) => {
    fc.assert(
      fc.property(numeric(datatype), (tensor) => {
        expect(bits(throughText(tensor))).toBe(bits(tensor));
        expect(bits(tensorFromJson(tensorToJson(tensor), 'inputs[0]'))).toBe(bits(tensor));
      }),
      { numRuns: 300 },
    );
  });

  test('BYTES come back for every text', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (texts) => {
        const tensor: Tensor = { name: 'x', datatype: 'BYTES', shape: [texts.length], data: texts.map((text) => Buffer.from(text)) };
        expect(bits(throughText(tensor))).toBe(bits(tensor));
      }),
    );
  });

  test('nested and flat data of any shape are the same tensor', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(shapes, fc.infiniteStream(fc.integer({ min: -1000, max: 1000 })), (shape, numbers) => {
        const flat = [...numbers.take(shape.reduce((product, n) => product * n, 1))];
        let at = 0;
        const nest = (level: number): unknown => (level === shape.length ? flat[at++] : Array.from({ length: shape[level]! }, () => nest(level + 1)));
        expect(one('INT32', shape, nest(0))).toEqual(one('INT32', shape, flat));
      }),
    );
  });

  test('64-bit integers keep every bit on an engine whose JSON.parse does not', () => {
    const body =
      '{"inputs":[{"name":"x","datatype":"INT64","shape":[3],"data":[9007199254740993,-9223372036854775808,1]},{"name":"y","datatype":"FP64","shape":[1],"data":[12345678901234567890]}]}';
    const [x, y] = readJson(Buffer.from(body), restRequest).inputs;
    expect(x!.data).toEqual(BigInt64Array.of(9007199254740993n, -(2n ** 63n), 1n));
    expect(y!.data).toEqual(Float64Array.of(Number('12345678901234567890')));
    expect(one('UINT64', [1], ['18446744073709551615']).data).toEqual(BigUint64Array.of(2n ** 64n - 1n));
    expect(() => one('INT64', [1], [2 ** 53])).toThrow(InexactNumberError);
  });

  test('negative zero, infinities and NaN', () => {
    const tensor = one('FP32', [5], [-0, 'Infinity', '-Infinity', 'NaN', 1]);
    expect(tensor.data).toEqual(Float32Array.of(-0, Infinity, -Infinity, NaN, 1));
    expect(tensorDataText(tensor)).toBe('[-0.0,"Infinity","-Infinity","NaN",1]');
    const bare = readJson(Buffer.from('{"data":[NaN,-Infinity,Infinity,"a \\" NaN"]}'), (value) => value);
    expect(bare).toEqual({ data: ['NaN', '-Infinity', 'Infinity', 'a " NaN'] });
    expect(quoteBareWords('{"NaN":1}')).toBeUndefined();
  });

  test('FP16 rounds to nearest, ties to even, straight from the double', () => {
    const patterns = Array.from({ length: 0x10000 }, (_, pattern) => pattern).filter((pattern) => !Number.isNaN(halfValue(pattern)));
    expect(patterns.filter((pattern) => halfBits(halfValue(pattern)) !== pattern)).toEqual([]);
    expect(halfBits(1 + 2 ** -11)).toBe(halfBits(1));
    expect(halfBits(1 + 2 ** -11 + 2 ** -40)).toBe(halfBits(1) + 1);
    expect(halfBits(1 + 3 * 2 ** -11)).toBe(halfBits(1) + 2);
    expect(halfBits(65519.99)).toBe(0x7bff);
    expect(halfBits(65520)).toBe(0x7c00);
    expect(halfBits(2 ** -25)).toBe(0);
    expect(halfBits(2 ** -25 * 1.0001)).toBe(1);
    expect(halfBits(-(2 ** -14) * (1 - 2 ** -12))).toBe(0x8400);
  });
});

describe('what is wrong is refused, by name and place', () => {
  const cases: [what: string, datatype: string, shape: unknown, data: unknown, message: RegExp][] = [
    ['unknown datatype', 'FLOAT', [1], [1], /inputs\[0\] "x": "FLOAT" is not a datatype/],
    ['too few elements', 'FP32', [2, 2], [1, 2, 3], /shape \[2, 2\] needs 4 elements, the data has 3/],
    ['too many elements', 'FP32', [1], [1, 2], /needs 1 elements, the data has 2/],
    ['ragged nesting', 'FP32', [2, 2], [[1, 2], [3]], /ragged: an array of 1 stands at nesting level 1/],
    ['half nested', 'FP32', [2, 2], [[1, 2], 3], /ragged: 3 stands at nesting level 1/],
    ['nested too deeply', 'FP32', [2], [[1], [2]], /element 0 of the data is an array/],
    ['negative dimension', 'FP32', [-1, 2], [1, 2], /dimension -1/],
    ['fractional dimension', 'FP32', [1.5], [1], /dimension 1.5/],
    ['overflowing shape', 'FP32', [2 ** 40, 2 ** 40], [1], /more elements than can be addressed/],
    ['overlong dimension beside a zero', 'FP32', [0, 2 ** 32], [], /dimension 4294967296 of shape \[0, 4294967296\] is beyond 2147483647/],
    ['overflow hidden by a zero', 'FP32', [0, 2 ** 40, 2 ** 40], [], /more elements/],
    ['a shape that is none', 'FP32', '4', [1], /"shape" must be an array/],
    ['a dimension that is text', 'FP32', ['1'], [1], /dimension "1"/],
    ['too many dimensions', 'FP32', new Array(65).fill(1), [1], /65 dimensions, the limit is 64/],
    ['no data', 'FP32', [1], undefined, /"data" is missing/],
    ['data of a wrong type', 'FP32', [1], { a: 1 }, /"data" must be an array, not an object/],
    ['text in FP32', 'FP32', [1], ['1.5'], /element 0 of the data is "1.5"; FP32 takes numbers/],
    ['null in FP32', 'FP32', [2], [1, null], /element 1 of the data is null/],
    ['FP32 overflow', 'FP32', [1], [3.5e38], /beyond the range of FP32/],
    ['FP64 overflow', 'FP64', [1], [Infinity], /beyond the range of FP64/],
    ['FP16 overflow', 'FP16', [1], [65520], /beyond the range of FP16/],
    ['INT8 overflow', 'INT8', [1], [128], /INT8 takes integers from -128 to 127/],
    ['UINT8 below zero', 'UINT8', [1], [-1], /UINT8 takes integers from 0 to 255/],
    ['fraction in INT32', 'INT32', [1], [1.5], /INT32 takes integers/],
    ['bool in INT32', 'INT32', [1], [true], /element 0 of the data is true/],
    ['INT64 overflow', 'INT64', [1], ['9223372036854775808'], /INT64 takes integers/],
    ['UINT64 below zero', 'UINT64', [1], [-1], /UINT64 takes integers from 0/],
    ['2 in BOOL', 'BOOL', [1], [2], /BOOL takes true, false, 0 and 1/],
    ['number in BYTES', 'BYTES', [1], [1], /BYTES takes strings/],
    ['half a surrogate pair', 'BYTES', [1], ['\ud800'], /an unpaired surrogate/],
  ];
  test.each(cases)('%s', (_what, datatype, shape, data, message) => {
    expect(() => one(datatype, shape, data)).toThrow(TensorError);
    expect(() => one(datatype, shape, data)).toThrow(message);
  });

  const requests: [what: string, body: string, message: RegExp][] = [
    ['no JSON', '{', /the body is not JSON/],
    ['no object', '[]', /the request must be an object, not an array/],
    ['no inputs', '{}', /"inputs" is missing/],
    ['inputs that are no list', '{"inputs":{}}', /"inputs" must be an array/],
    ['an input that is none', '{"inputs":[1]}', /inputs\[0\] must be an object, not 1/],
    ['an input without a name', '{"inputs":[{}]}', /inputs\[0\]: "name" must be a non-empty string, not nothing/],
    ['an id that is no text', '{"id":1,"inputs":[]}', /"id" must be a string, not 1/],
    ['a parameter that is an object', '{"parameters":{"a":{}},"inputs":[]}', /parameter "a"/],
    ['an output without a name', '{"inputs":[],"outputs":[{}]}', /outputs\[0\]: "name"/],
    ['binary data without its header', '{"inputs":[{"name":"x","parameters":{"binary_data_size":4}}]}', /Inference-Header-Content-Length/],
  ];
  test.each(requests)('%s', (_what, body, message) => {
    expect(() => readJson(Buffer.from(body), restRequest)).toThrow(TensorError);
    expect(() => readJson(Buffer.from(body), restRequest)).toThrow(message);
  });

  test('nesting 250,000 deep, on the fast path and on the exact one', () => {
    const deep = '['.repeat(250_000) + ']'.repeat(250_000);
    const fast = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":${deep}}]}`;
    expect(() => readJson(Buffer.from(fast), restRequest)).toThrow(/inputs\[0\] "x": element 0 of the data is an array/);
    const long = ',{"name":"y","datatype":"INT64","shape":[1],"data":[9007199254740993]}';
    const body = `{"inputs":[${long.slice(1)},{"name":"x","datatype":"FP32","shape":[1],"data":${deep}}]}`;
    expect(() => readJson(Buffer.from(body), restRequest)).toThrow(/nested too deeply/);
  });

  test('a body that is not UTF-8, and output bytes that are not', () => {
    expect(() => readJson(Buffer.from([0x22, 0xff, 0x22]), (v) => v)).toThrow(/not UTF-8/);
    const tensor: Tensor = { name: 'y', datatype: 'BYTES', shape: [1], data: [Buffer.from([0xff])] };
    expect(() => tensorDataText(tensor)).toThrow(/output "y": element 0 has bytes that are not UTF-8/);
  });

  test('a small body cannot ask for a large array', () => {
    const data = [new Array(1000).fill(0), ...new Array(999).fill([])];
    expect(() => one('FP64' satisfies Datatype, [1000, 1000], data)).toThrow(/ragged/);
    expect(() => one('FP64', [1e9], [1])).toThrow(/needs 1000000000 elements/);
  });
});
