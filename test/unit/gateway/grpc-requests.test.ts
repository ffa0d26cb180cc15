/** Small gRPC requests whose bytes are not what they claim. */
import type { MethodDefinition } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { TensorError } from '../../../runtimes/tensor.js';
import { loadProto, readRequest, serviceOf } from '../../../server/gateway/grpc/grpc-service.js';

const methods = [
  serviceOf(loadProto('open-inference.proto'), 'inference.GRPCInferenceService'),
  serviceOf(loadProto('health.proto'), 'grpc.health.v1.Health'),
].flatMap((service) => Object.values(service) as MethodDefinition<unknown, unknown>[]);
const small = methods.filter(({ path }) => !path.endsWith('Infer')).map((method) => [method.path, method] as const);

test.each(small)('%s', (path, method) => {
  expect(small.length).toBeGreaterThan(10);
  // A text that claims 4 GB, one that claims a byte more than there is, and a number without an end.
  for (const bytes of [
    [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [0x0a, 3, 0x61, 0x62],
    [0x18, 0x80],
  ]) {
    const read = (): unknown => readRequest(method, Buffer.from(bytes));
    expect(read).toThrow(TensorError);
    expect(read).toThrow(`the message is not a valid request of ${path}: the message is not a well-formed protocol buffer: it ends within a`);
  }
  expect(readRequest(method, Buffer.alloc(0))).toBeTypeOf('object');
});
