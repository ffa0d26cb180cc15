/** Server reflection as clients use it: over both versions of the protocol, with the descriptors read by the library. */
import { credentials, loadPackageDefinition, Metadata, status, type Client, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync } from '@grpc/proto-loader';
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import descriptors from 'protobufjs/ext/descriptor/index.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../server/paths.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { GatewayBench, publish, type TestGateway } from '../support/gateway.js';

interface Answer {
  readonly valid_host: string;
  readonly original_request: object;
  readonly list_services_response?: { service: { name: string }[] };
  readonly file_descriptor_response?: { file_descriptor_proto: Buffer[] };
  readonly all_extension_numbers_response?: object;
  readonly error_response?: { error_code: number; error_message: string };
}

const TOKEN = 'let-me-in';
const SERVICES = ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection', 'inference.GRPCInferenceService'];
let db: TestDatabase;
let bench: GatewayBench;
let gateway: TestGateway;
const clients: Client[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  bench = new GatewayBench();
  await publish(db.url, []);
  gateway = await bench.gateway(db.url);
}, 60_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await bench.close();
  await db.drop();
});

function streamTo({ grpcPort }: TestGateway, version: string, authorization?: string): ClientDuplexStream<object | Buffer, Answer> {
  const file = join(PROJECT_ROOT, 'server', 'gateway', 'grpc', `reflection-${version}.proto`);
  const packages = loadPackageDefinition(loadSync(file, { keepCase: true })) as unknown as {
    grpc: { reflection: Record<string, { ServerReflection: new (...args: unknown[]) => Client }> };
  };
  const client = new packages.grpc.reflection[version]!.ServerReflection(`127.0.0.1:${grpcPort}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  clients.push(client);
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  return (client as unknown as { ServerReflectionInfo(metadata: Metadata): ClientDuplexStream<object, Answer> }).ServerReflectionInfo(metadata);
}

/** Asks everything on one stream, which the server ends after its last answer. */
function ask(version: string, ...requests: object[]): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const stream = streamTo(gateway, version);
    const answers: Answer[] = [];
    stream.on('data', (answer: Answer) => answers.push(answer));
    stream.once('error', reject);
    stream.once('end', () => resolve(answers));
    for (const request of requests) stream.write(request);
    stream.end();
  });
}

interface Described {
  readonly name: string;
  readonly field: object[];
  readonly nestedType: Described[];
}

const filesOf = ({ file_descriptor_response: answer }: Answer): Buffer[] => answer!.file_descriptor_proto;
/** A `FileDescriptorSet` has its files in field 1. */
const setOf = (file: Buffer): Buffer => Buffer.concat([Buffer.of(0x0a, (file.length & 0x7f) | 0x80, file.length >> 7), file]);

describe.each(['v1', 'v1alpha'])('%s', (version) => {
  test('every service is listed, and the file of each describes its methods', async () => {
    const [list] = await ask(version, { host: 'h', list_services: '*' });
    expect(list).toMatchObject({ valid_host: 'h', original_request: { list_services: '*' } });
    expect(list!.list_services_response!.service.map(({ name }) => name).sort()).toEqual(SERVICES);
    const files = await ask(version, ...SERVICES.map((name) => ({ file_containing_symbol: name })));
    const methods = files.map((file, i) => Object.keys(loadFileDescriptorSetFromBuffer(setOf(filesOf(file)[0]!))[SERVICES[i]!]!));
    expect(methods.slice(0, 3)).toEqual([['Check', 'Watch'], ['ServerReflectionInfo'], ['ServerReflectionInfo']]);
    expect(methods[3]).toEqual(expect.arrayContaining(['ServerLive', 'ModelMetadata', 'ModelInfer', 'ModelStreamInfer']));
  });

  test('a file by its name, a method, a message and a message in it', async () => {
    const symbols = ['inference.GRPCInferenceService.ModelInfer', 'inference.ModelInferRequest', 'inference.ModelInferRequest.InferInputTensor'];
    const answers = await ask(version, { file_by_filename: 'inference.proto' }, ...symbols.map((symbol) => ({ file_containing_symbol: symbol })));
    for (const answer of answers) expect(filesOf(answer)).toEqual(filesOf(answers[0]!));
    const described = loadFileDescriptorSetFromBuffer(setOf(filesOf(answers[0]!)[0]!), { keepCase: true });
    const { requestSerialize, requestDeserialize } = (
      described['inference.GRPCInferenceService'] as Record<string, { requestSerialize(of: object): Buffer; requestDeserialize(from: Buffer): object }>
    )['ModelInfer']!;
    // The library reads a map as the list of its entries.
    const request = { model_name: 'm', inputs: [{ name: 'x', shape: [1, 2], parameters: [{ key: 'p', value: { string_param: 'v' } }] }] };
    expect(requestDeserialize(requestSerialize(request))).toMatchObject({
      model_name: 'm',
      inputs: [{ name: 'x', parameters: [{ key: 'p', value: { string_param: 'v' } }] }],
    });
  });

  test('maps have the entries that readers of descriptors ask for', async () => {
    const [answer] = await ask(version, { file_containing_symbol: 'inference.ModelInferRequest' });
    const { messageType } = descriptors.FileDescriptorProto.decode(filesOf(answer!)[0]!) as unknown as { messageType: Described[] };
    const message = messageType.find(({ name }) => name === 'ModelInferRequest')!;
    const input = message.nestedType.find(({ name }) => name === 'InferInputTensor')!;
    for (const { field, nestedType } of [message, input]) {
      expect(field).toContainEqual(expect.objectContaining({ name: 'parameters', typeName: 'ParametersEntry' }));
      expect(nestedType).toContainEqual(expect.objectContaining({ name: 'ParametersEntry', options: expect.objectContaining({ mapEntry: true }) as unknown }));
    }
  });

  test('what is not there is said in an answer, and the stream goes on', async () => {
    const answers = await ask(
      version,
      { file_containing_symbol: 'nobody.Service' },
      { file_containing_symbol: 'constructor' },
      { file_by_filename: 'x.proto' },
      { all_extension_numbers_of_type: 'inference.ModelInferRequest' },
      { all_extension_numbers_of_type: 'nobody.Message' },
      { file_containing_extension: { containing_type: 'a', extension_number: 1 } },
      {},
      { list_services: '' },
    );
    expect(answers.map(({ error_response: error }) => error?.error_code)).toEqual([
      status.NOT_FOUND,
      status.NOT_FOUND,
      status.NOT_FOUND,
      undefined,
      status.NOT_FOUND,
      status.NOT_FOUND,
      status.INVALID_ARGUMENT,
      undefined,
    ]);
    expect(answers[0]!.error_response!.error_message).toBe('unknown symbol "nobody.Service"');
    expect(answers[3]!.all_extension_numbers_response).toMatchObject({ base_type_name: 'inference.ModelInferRequest' });
    expect(answers[7]!.list_services_response!.service).toHaveLength(4);
  });
});

test('a request that is too long ends the stream with a reason', async () => {
  await expect(ask('v1', { file_containing_symbol: 'x'.repeat(70_000) })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: 'the request has 70004 bytes; the limit is 65536',
  });
});

test('a caller who reads slowly gets every answer', async () => {
  const count = 2_000;
  const answers = await ask('v1', ...Array.from({ length: count }, () => ({ file_containing_symbol: 'inference.ModelInferRequest' })));
  expect(answers.filter(({ file_descriptor_response: file }) => file)).toHaveLength(count);
});

test('where a token is asked for, reflection asks for one', async () => {
  const own = await createTestDatabase();
  try {
    await publish(own.url, []);
    await own.dataSource.query('INSERT INTO api_token (id, name, hash, created_by, created_at) VALUES ($1, $2, $3, $4, now())', [
      randomUUID(),
      'test',
      createHash('sha256').update(TOKEN).digest('hex'),
      'test',
    ]);
    const closed = await bench.gateway(own.url, { PILOTHOUSE_GATEWAY_AUTH: 'required' });
    const first = (authorization?: string) =>
      new Promise<Answer>((resolve, reject) => {
        const stream = streamTo(closed, 'v1', authorization);
        stream.once('data', resolve);
        stream.once('error', reject);
        stream.write({ list_services: '' });
        stream.end();
      });
    for (const wrong of [undefined, 'Bearer somebody']) {
      const error = await first(wrong).catch((reason: ServiceError) => reason);
      expect(error).toMatchObject({ code: status.UNAUTHENTICATED });
    }
    expect((await first(`Bearer ${TOKEN}`)).list_services_response!.service).toHaveLength(4);
    await closed.stop();
  } finally {
    await own.drop();
  }
});

test('a gateway that ends does not wait for an open stream', async () => {
  const own = await createTestDatabase();
  try {
    await publish(own.url, []);
    const ending = await bench.gateway(own.url);
    const stream = streamTo(ending, 'v1');
    await new Promise((resolve) => {
      stream.once('data', resolve);
      stream.write({ list_services: '' });
    });
    const over = new Promise((resolve) => stream.once('end', resolve));
    stream.resume();
    const stopped = ending.stop();
    await over;
    stream.end();
    expect(await stopped).toBe(0);
  } finally {
    await own.drop();
  }
});
