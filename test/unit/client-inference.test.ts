import { describe, expect, test } from 'vitest';
import { readAnswer, requestText, toTensor } from '../../clients/typescript/src/inference.js';
import { PilothouseError } from '../../clients/typescript/src/errors.js';

describe('what goes', () => {
  test('a typed array says its datatype, and its length the shape', () => {
    const body = JSON.parse(requestText({ x: { data: new Float32Array([1.5, -0, 3]) } }, {}));
    expect(body).toEqual({ inputs: [{ name: 'x', datatype: 'FP32', shape: [3], data: [1.5, -0, 3] }] });
  });

  test('nested numbers with a datatype take their shape from the nesting', () => {
    const tensor = toTensor('x', {
      data: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      datatype: 'INT32',
    });
    expect(tensor).toEqual({ name: 'x', datatype: 'INT32', shape: [2, 3], data: new Int32Array([1, 2, 3, 4, 5, 6]) });
  });

  test('strings are BYTES and booleans BOOL', () => {
    expect(toTensor('x', { data: ['ä', ''] })).toMatchObject({ datatype: 'BYTES', shape: [2], data: [Buffer.from('ä'), Buffer.from('')] });
    expect(toTensor('x', { data: [[true], [false]] })).toMatchObject({ datatype: 'BOOL', shape: [2, 1], data: new Uint8Array([1, 0]) });
  });

  test('64-bit integers go with every bit', () => {
    expect(requestText({ x: { data: new BigInt64Array([9007199254740993n, -(2n ** 63n)]) } }, {})).toContain('"data":[9007199254740993,-9223372036854775808]');
  });

  test('outputs, id and parameters stand beside the inputs', () => {
    const text = requestText({ x: { data: new Int8Array(0) } }, { outputs: ['label'], id: 'a "1"', parameters: { timeout: 5 } });
    expect(JSON.parse(text)).toEqual({
      id: 'a "1"',
      parameters: { timeout: 5 },
      outputs: [{ name: 'label' }],
      inputs: [{ name: 'x', datatype: 'INT8', shape: [0], data: [] }],
    });
  });

  test.each([
    [{ data: [1, 2] }, 'input "x": plain numbers have no datatype; give one, or a typed array (Float32Array is FP32)'],
    [{ data: new Float32Array(3), shape: [2, 2] }, 'tensor "x": shape [2, 2] needs 4 elements, the data has 3'],
    [{ data: new Float32Array(1), datatype: 'FP64' as const }, 'tensor "x": the data of FP64 must be Float64Array'],
    [{ data: [1.5], datatype: 'INT32' as const }, 'INT32 takes integers'],
  ])('%j is refused before it is sent', (input, message) => {
    const attempt = () => toTensor('x', input);
    expect(attempt).toThrow(PilothouseError);
    expect(attempt).toThrow(message);
  });
});

describe('what comes', () => {
  const answer = (data: string, datatype: string) =>
    `{"model_name":"m","model_version":"3","id":"a","outputs":[{"name":"y","datatype":"${datatype}","shape":[2],"data":${data}}]}`;

  test('typed arrays by name, with the version that answered', () => {
    const { model, version, id, outputs } = readAnswer(answer('[0.1,"NaN"]', 'FP32'));
    expect({ model, version, id }).toEqual({ model: 'm', version: '3', id: 'a' });
    expect(outputs['y']!.data).toEqual(new Float32Array([0.1, NaN]));
  });

  test('64-bit integers keep every bit', () => {
    expect(readAnswer(answer('[9007199254740993,-9223372036854775808]', 'INT64')).outputs['y']!.data).toEqual(
      new BigInt64Array([9007199254740993n, -(2n ** 63n)]),
    );
    expect(readAnswer(answer('[18446744073709551615,1]', 'UINT64')).outputs['y']!.data).toEqual(new BigUint64Array([2n ** 64n - 1n, 1n]));
  });

  test('what cannot be read says so', () => {
    expect(() => readAnswer('<html>')).toThrow(/the gateway's answer cannot be read/);
    expect(() => readAnswer(answer('[1]', 'FP32'))).toThrow(/shape \[2\] needs 2 elements/);
  });
});
