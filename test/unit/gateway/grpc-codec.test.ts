/** Inference messages over gRPC, read and written by hand: against the library's own codec. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocate, DATATYPES, elementCount, elementSize, TensorError, viewOf, type Datatype, type Tensor } from '../../../runtimes/tensor.js';
import { readAddress, readInferRequest } from '../../../server/gateway/grpc/grpc-infer-request.js';
import { inferResponse, streamFailure, streamResponse } from '../../../server/gateway/grpc/grpc-infer-response.js';
import type { WireMessage } from '../../../server/gateway/grpc/grpc-wire-message.js';
import { inferCodec, inferMessage, tensorsOf, type InferResponseMessage, type StreamAnswer } from '../../support/grpc.js';

const bytesOfMessage = (message: WireMessage): Buffer => {
  const framed = Buffer.alloc(message.byteLength + 5);
  message.copy(framed, 5);
  return framed.subarray(5);
};

const shape = fc.array(fc.nat({ max: 4 }), { maxLength: 3 });
const tensorOf = (datatypes: readonly Datatype[], name: string): fc.Arbitrary<Tensor> =>
  fc.tuple(fc.constantFrom(...datatypes), shape).chain(([datatype, dims]) => {
    const count = elementCount(dims);
    if (datatype === 'BYTES') {
      const element = fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes));
      return fc.array(element, { minLength: count, maxLength: count }).map((data): Tensor => ({ name, datatype, shape: dims, data }));
    }
    const length = count * elementSize(datatype);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes): Tensor => {
      if (datatype === 'BOOL') return { name, datatype, shape: dims, data: bytes.map((byte) => byte & 1) };
      return { name, datatype, shape: dims, data: count === 0 ? allocate(datatype, 0) : viewOf(datatype, bytes.slice()) };
    });
  });
const tensors = (datatypes: readonly Datatype[]): fc.Arbitrary<Tensor[]> =>
  fc.nat({ max: 4 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, i) => tensorOf(datatypes, `t${i}`))));
/** Numbers that a NaN's payload does not survive in the library's writer are made plain. */
const plain = (tensor: Tensor): Tensor =>
  tensor.datatype === 'FP32' || tensor.datatype === 'FP64'
    ? { ...tensor, data: (tensor.data as Float64Array).map((value) => (Number.isNaN(value) ? NaN : value)) as unknown as Float64Array }
    : told(tensor);
/** Also of a tensor that is packed. */
const told = ({ name, datatype, shape, data }: Tensor): Tensor => ({ name, datatype, shape, data });

describe('a request', () => {
  const parameter = fc.oneof(
    fc.boolean().map((value) => [{ bool_param: value }, value] as const),
    fc.maxSafeInteger().map((value) => [{ int64_param: String(value) }, value] as const),
    fc.string().map((value) => [{ string_param: value }, value] as const),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => [{ double_param: value }, value] as const),
  );

  test('raw: as the library wrote it', () => {
    fc.assert(
      fc.property(
        tensors(DATATYPES),
        fc.string({ unit: 'grapheme' }),
        fc.dictionary(fc.string({ minLength: 1 }), parameter, { maxKeys: 4 }),
        (inputs, id, parameters) => {
          const message = inferMessage('m', inputs, {
            id,
            version: '7',
            outputs: ['a', 'b'],
            parameters: Object.fromEntries(Object.entries(parameters).map(([k, [given]]) => [k, given])),
          });
          const bytes = inferCodec.ModelInfer.requestSerialize(message);
          expect(readAddress(bytes)).toEqual({ model: 'm', version: '7', id });
          const { request: read } = readInferRequest(bytes);
          expect(read.inputs.map(told)).toEqual(inputs);
          expect(read.outputs).toEqual(['a', 'b']);
          expect(read.parameters ?? {}).toEqual(Object.fromEntries(Object.entries(parameters).map(([k, [, value]]) => [k, value])));
        },
      ),
    );
  });

  test('typed: as the library wrote it', () => {
    fc.assert(
      fc.property(tensors(DATATYPES.filter((datatype) => datatype !== 'FP16')), (given) => {
        const inputs = given.map(plain);
        const { request } = readInferRequest(inferCodec.ModelInfer.requestSerialize(inferMessage('m', inputs, { typed: true })));
        expect(request.inputs.map(told)).toEqual(inputs);
      }),
    );
  });

  test('any bytes: a request or a TensorError, and nothing else', () => {
    const whole = inferCodec.ModelInfer.requestSerialize(
      inferMessage('m', [{ name: 'x', datatype: 'INT64', shape: [2], data: BigInt64Array.of(1n, -1n) }], {
        typed: true,
        parameters: { p: { int64_param: 1 } },
      }),
    );
    const damaged = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), fc.nat({ max: whole.length })).map(([at, value, end]) => {
      const bytes = Buffer.from(whole.subarray(0, end));
      if (at < end) bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
          damaged,
        ),
        (bytes) => {
          for (const read of [readAddress, readInferRequest]) {
            try {
              read(bytes);
            } catch (error) {
              expect((error as Error).name).toBe('TensorError');
            }
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('raw: a byte that is no truth value is refused, as over HTTP', () => {
    const request = (...bytes: number[]): Buffer =>
      inferCodec.ModelInfer.requestSerialize(inferMessage('m', [{ name: 'b', datatype: 'BOOL', shape: [bytes.length], data: Uint8Array.from(bytes) }]));
    expect(readInferRequest(request(0, 1)).request.inputs[0]!.data).toEqual(Uint8Array.of(0, 1));
    expect(() => readInferRequest(request(0, 1, 2, 255))).toThrow(
      new TensorError('raw_input_contents[0], input "b": byte 2 of the data is 2; BOOL takes 0 and 1'),
    );
  });

  test('lists that are not packed, and values in parts, are one list', () => {
    // InferTensorContents twice in one input, int64_contents once unpacked and once packed: 5, then -1 and 6.
    const minusOne = [...new Array<number>(9).fill(0xff), 0x01];
    const contents = [
      [0x2a, 2, 0x18, 5],
      [0x2a, 13, 0x1a, 11, ...minusOne, 6],
    ].flat();
    const input = [0x0a, 1, 0x78, 0x12, 5, ...Buffer.from('INT64'), 0x18, 3, ...contents];
    const { request } = readInferRequest(Buffer.from([0x2a, input.length, ...input]));
    expect(request.inputs).toEqual([{ name: 'x', datatype: 'INT64', shape: [3], data: BigInt64Array.of(5n, -1n, 6n) }]);
  });

  test('sixteen million empty entries are refused before they become objects', () => {
    const raws = Buffer.alloc(32 * 1024 * 1024);
    for (let i = 0; i < raws.length; i += 2) raws[i] = 0x3a;
    expect(() => readAddress(raws)).toThrow(/more than \d+ fields/);
    const parts = Buffer.alloc(20_000);
    for (let i = 0; i < parts.length; i += 2) parts[i] = 0x2a;
    const input = Buffer.concat([Buffer.from([0x0a, 1, 0x78]), parts]);
    const message = Buffer.concat([Buffer.from([0x2a, (input.length & 0x7f) | 0x80, ((input.length >> 7) & 0x7f) | 0x80, input.length >> 14]), input]);
    expect(() => readInferRequest(message)).toThrow(/contents in more than 64 parts/);
  });
});

describe('an answer', () => {
  test('is what the library reads', () => {
    fc.assert(
      fc.property(tensors(DATATYPES), fc.string({ unit: 'grapheme' }), fc.boolean(), (outputs, id, final) => {
        const answer = { model: 'm', version: 300, id, outputs };
        const single = inferCodec.ModelInfer.responseDeserialize(bytesOfMessage(inferResponse(answer))) as InferResponseMessage;
        expect(single).toMatchObject({ model_name: 'm', model_version: '300', id });
        expect(tensorsOf(single).map(told)).toEqual(outputs);
        const streamed = inferCodec.ModelStreamInfer.responseDeserialize(bytesOfMessage(streamResponse({ ...answer, final }))) as StreamAnswer;
        expect(streamed.error_message).toBe('');
        expect(tensorsOf(streamed.infer_response).map(told)).toEqual(outputs);
        expect(streamed.infer_response.parameters).toMatchObject(final ? { triton_final_response: { bool_param: true } } : {});
      }),
    );
  });

  test('that is none says which request failed', () => {
    expect(inferCodec.ModelStreamInfer.responseDeserialize(bytesOfMessage(streamFailure('eins', 'warum nicht')))).toMatchObject({
      error_message: 'warum nicht',
      infer_response: { id: 'eins' },
    });
  });
});
