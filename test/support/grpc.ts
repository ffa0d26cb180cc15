/** Calls over gRPC with the library's own client and codec, as others make them. */
import { join } from 'node:path';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type CallOptions,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { tensorFromBytes, tensorToBytes } from '../../runtimes/open-inference/message.js';
import type { Datatype, Tensor } from '../../runtimes/tensor.js';
import { PROJECT_ROOT } from '../../server/paths.js';

const FOLDER = join(PROJECT_ROOT, 'server', 'gateway', 'grpc');
const definition = loadSync([join(FOLDER, 'open-inference.proto'), join(FOLDER, 'health.proto')], {
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
});
/** How the library writes and reads the messages of inferences. */
export const inferCodec = definition['inference.GRPCInferenceService'] as unknown as Record<
  'ModelInfer' | 'ModelStreamInfer',
  { requestSerialize(message: object): Buffer; responseDeserialize(message: Buffer): unknown }
>;

type Service = new (address: string, creds: ReturnType<typeof credentials.createInsecure>, options?: ChannelOptions) => Client;
const packages = loadPackageDefinition(definition) as unknown as {
  inference: { GRPCInferenceService: Service };
  grpc: { health: { v1: { Health: Service } } };
};

/** `ModelInferResponse` as the library reads it. */
export interface InferResponseMessage {
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, object>>;
  readonly outputs: readonly { readonly name: string; readonly datatype: Datatype; readonly shape: readonly string[] }[];
  readonly raw_output_contents: readonly Buffer[];
}

export interface StreamAnswer {
  readonly error_message: string;
  readonly infer_response: InferResponseMessage;
}

export interface GrpcReply<T = Record<string, unknown>> {
  readonly message: T;
  /** Sent before the answer. */
  readonly metadata: Record<string, unknown>;
}

export interface GrpcCallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

type Unary = (
  request: object,
  metadata: Metadata,
  options: CallOptions,
  done: (error: ServiceError | null, answer: object) => void,
) => ReturnType<Client['makeUnaryRequest']>;

export class GrpcClient {
  private readonly inference: Client;
  private readonly health: Client;

  /** @param address `host:port` */
  constructor(address: string, options: ChannelOptions = {}) {
    // A pool of its own: clients must not share connections across tests.
    const channel = { 'grpc.use_local_subchannel_pool': 1, 'grpc.max_receive_message_length': -1, ...options };
    this.inference = new packages.inference.GRPCInferenceService(address, credentials.createInsecure(), channel);
    this.health = new packages.grpc.health.v1.Health(address, credentials.createInsecure(), channel);
  }

  /** @throws ServiceError with `code`, `details` and trailing `metadata` */
  call<T = Record<string, unknown>>(method: string, request: object = {}, options: GrpcCallOptions = {}): Promise<GrpcReply<T>> {
    return unary<T>(method === 'Check' ? this.health : this.inference, method, request, options);
  }

  stream(options: GrpcCallOptions = {}): ClientDuplexStream<object, StreamAnswer> {
    const open = method(this.inference, 'ModelStreamInfer') as unknown as (
      metadata: Metadata,
      options: CallOptions,
    ) => ClientDuplexStream<object, StreamAnswer>;
    return open(metadataOf(options), callOptions(options));
  }

  watch(service = ''): ClientReadableStream<{ status: string }> {
    const open = method(this.health, 'Watch') as unknown as (request: object) => ClientReadableStream<{ status: string }>;
    return open({ service });
  }

  close(): void {
    this.inference.close();
    this.health.close();
  }
}

const method = (client: Client, name: string): unknown => (client as unknown as Record<string, (...args: never[]) => unknown>)[name]!.bind(client);

function unary<T>(client: Client, name: string, request: object, options: GrpcCallOptions): Promise<GrpcReply<T>> {
  return new Promise((resolve, reject) => {
    let metadata: Record<string, unknown> = {};
    let message: T | undefined;
    const call = (method(client, name) as Unary)(request, metadataOf(options), callOptions(options), (error, answer) => {
      if (error) return reject(error);
      message = answer as T;
    });
    call.on('metadata', (given: Metadata) => (metadata = given.getMap()));
    call.on('status', () => message && resolve({ message, metadata }));
    options.signal?.addEventListener('abort', () => call.cancel());
  });
}

function metadataOf({ metadata = {} }: GrpcCallOptions): Metadata {
  const result = new Metadata();
  for (const [key, value] of Object.entries(metadata)) result.set(key, value);
  return result;
}

const callOptions = ({ deadlineMs }: GrpcCallOptions): CallOptions => (deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs });

const CONTENTS: Readonly<Partial<Record<Datatype, string>>> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

export interface InferOverGrpc extends GrpcCallOptions {
  readonly version?: string;
  readonly id?: string;
  readonly outputs?: readonly string[];
  readonly parameters?: Readonly<Record<string, object>>;
  /** Data in typed fields instead of raw bytes. FP16 has none. */
  readonly typed?: boolean;
}

/** A request's message as the library takes it. */
export function inferMessage(
  model: string,
  inputs: readonly Tensor[],
  { version = '', id = '', outputs = [], parameters = {}, typed = false }: InferOverGrpc = {},
): object {
  return {
    model_name: model,
    model_version: version,
    id,
    parameters,
    inputs: inputs.map((tensor) => ({
      name: tensor.name,
      datatype: tensor.datatype,
      shape: tensor.shape,
      ...(typed && { contents: { [CONTENTS[tensor.datatype]!]: Array.from(tensor.data, plain) } }),
    })),
    outputs: outputs.map((name) => ({ name })),
    ...(!typed && { raw_input_contents: inputs.map((tensor) => Buffer.from(tensorToBytes(tensor))) }),
  };
}

const plain = (value: number | bigint | Uint8Array): unknown =>
  typeof value === 'bigint' ? value.toString() : value instanceof Uint8Array ? Buffer.from(value) : value;

/** The tensors of a `ModelInferResponse`. */
export function tensorsOf({ outputs, raw_output_contents: raw }: InferResponseMessage): Tensor[] {
  // A plain one each, also of strings, so that tests can compare them whole.
  return outputs.map(({ name, datatype, shape }, i) => ({
    name,
    datatype,
    shape: shape.map(Number),
    data: tensorFromBytes(name, datatype, shape.map(Number), raw[i]!).data,
  }));
}

/** One inference: the protocols' contract over gRPC. @throws ServiceError */
export async function inferOverGrpc(
  client: GrpcClient,
  model: string,
  inputs: readonly Tensor[],
  options: InferOverGrpc = {},
): Promise<{ outputs: Tensor[]; version: string; id: string; metadata: GrpcReply['metadata'] }> {
  const { message, metadata } = await client.call<InferResponseMessage>('ModelInfer', inferMessage(model, inputs, options), options);
  return { outputs: tensorsOf(message), version: message.model_version, id: message.id, metadata };
}
