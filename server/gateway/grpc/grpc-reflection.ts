/**
 * gRPC's server reflection (https://grpc.io/docs/guides/reflection/): clients such as grpcurl ask which services there are, and get the
 * descriptors of their messages. It is answered to those who may call the services.
 */
import { status, type MethodDefinition, type ServerDuplexStream, type ServiceDefinition, type UntypedHandleCall } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import descriptors from 'protobufjs/ext/descriptor/index.js';
import { ANSWER_TIMEOUT_MS } from '../limits.js';
import { answerMetadata, callerOf, requestIdIn, type GrpcOptions } from './grpc-call.js';
import { loadProto, MAX_SMALL_REQUEST, readRequest, serviceOf } from './grpc-service.js';
import { StatusError, statusOf } from './grpc-status.js';
import { cut } from './grpc-unread.js';

const VERSIONS = ['v1', 'v1alpha'];

type Stream = ServerDuplexStream<Buffer, object>;

interface ReflectionRequest {
  readonly host: string;
  readonly file_by_filename?: string;
  readonly file_containing_symbol?: string;
  readonly file_containing_extension?: object;
  readonly all_extension_numbers_of_type?: string;
  readonly list_services?: string;
}

/** What the server's .proto files say. Each file stands alone: none imports another. */
class Descriptors {
  private readonly services: string[] = [];
  /** `FileDescriptorProto` by the names of what is at the file's outermost level. */
  private readonly bySymbol = new Map<string, Buffer>();
  private readonly byName = new Map<string, Buffer>();

  constructor(files: readonly PackageDefinition[]) {
    for (const file of files) {
      const { name, bytes } = descriptorOf(file);
      for (const [symbol, definition] of Object.entries(file)) {
        this.bySymbol.set(symbol, bytes);
        if (!('format' in definition)) this.services.push(symbol);
      }
      this.byName.set(name, bytes);
    }
  }

  answer(request: ReflectionRequest): object {
    if (request.list_services !== undefined) return { list_services_response: { service: this.services.map((name) => ({ name })) } };
    if (request.file_by_filename !== undefined) return fileOr(this.byName.get(request.file_by_filename), 'file', request.file_by_filename);
    if (request.file_containing_symbol !== undefined) return fileOr(this.fileOf(request.file_containing_symbol), 'symbol', request.file_containing_symbol);
    const type = request.all_extension_numbers_of_type;
    if (type !== undefined && this.fileOf(type)) return { all_extension_numbers_response: { base_type_name: type, extension_number: [] } };
    if (type !== undefined || request.file_containing_extension) return failure(status.NOT_FOUND, 'the messages of this server have no extensions');
    return failure(status.INVALID_ARGUMENT, 'the request has no field that asks for something');
  }

  /** A method or a nested message is in the file of what it is part of. */
  private fileOf(symbol: string): Buffer | undefined {
    for (let name = symbol; name !== ''; name = name.slice(0, Math.max(name.lastIndexOf('.'), 0))) {
      const file = this.bySymbol.get(name);
      if (file) return file;
    }
    return undefined;
  }
}

/** @throws Error for a file without a message, which the library gives no descriptor of */
function descriptorOf(file: PackageDefinition): { name: string; bytes: Buffer } {
  const given = Object.values(file)
    .map(({ fileDescriptorProtos: files }) => (Array.isArray(files) ? files[0] : undefined))
    .find((first) => first !== undefined);
  if (!given) throw new Error('a .proto file without a message has no descriptor');
  const descriptor = descriptors.FileDescriptorProto.decode(given) as unknown as { name: string; messageType: MessageDescriptor[] };
  for (const message of descriptor.messageType) nameMapEntries(message);
  return { name: descriptor.name, bytes: Buffer.from(descriptors.FileDescriptorProto.encode(descriptor).finish()) };
}

interface MessageDescriptor {
  name: string;
  readonly field: { typeName: string }[];
  readonly nestedType: MessageDescriptor[];
  readonly options: { readonly mapEntry: boolean } | null;
}

/** The library (protobufjs 7) names the message of a map's entries without "Entry", and readers refuse such a map. */
function nameMapEntries({ field: fields, nestedType: nested }: MessageDescriptor): void {
  for (const message of nested) {
    nameMapEntries(message);
    if (!message.options?.mapEntry) continue;
    const { name } = message;
    message.name = `${name}Entry`;
    for (const field of fields) if (field.typeName === name) field.typeName = message.name;
  }
}

function fileOr(file: Buffer | undefined, what: string, asked: string): object {
  if (file) return { file_descriptor_response: { file_descriptor_proto: [file] } };
  return failure(status.NOT_FOUND, `unknown ${what} ${JSON.stringify(asked.slice(0, 200))}`);
}

const failure = (code: status, message: string): object => ({ error_response: { error_code: code, error_message: message } });

export class Reflection {
  /** One for each version of the protocol: older clients ask for v1alpha. */
  readonly services: readonly { readonly service: ServiceDefinition; readonly handlers: Record<string, UntypedHandleCall> }[];
  private readonly descriptors: Descriptors;
  private readonly open = new Set<Stream>();

  /** @param files of the server's other services */
  constructor(
    private readonly options: GrpcOptions,
    files: readonly PackageDefinition[],
  ) {
    const own = VERSIONS.map((version) => loadProto(`reflection-${version}.proto`));
    this.descriptors = new Descriptors([...files, ...own]);
    this.services = VERSIONS.map((version, i) => {
      const service = serviceOf(own[i]!, `grpc.reflection.${version}.ServerReflection`);
      const method = service['ServerReflectionInfo'] as MethodDefinition<unknown, unknown>;
      return { service, handlers: { ServerReflectionInfo: (rpc: Stream) => this.serve(rpc, method) } };
    });
  }

  /** Ends every stream, which would keep its connection. */
  drain(): void {
    for (const rpc of this.open) rpc.end();
  }

  private serve(rpc: Stream, method: MethodDefinition<unknown, unknown>): void {
    const requestId = requestIdIn(rpc);
    const fail = (error: unknown) => rpc.emit('error', statusOf(error, requestId, this.options));
    try {
      callerOf(rpc, this.options.gate);
    } catch (error) {
      return void fail(error);
    }
    rpc.sendMetadata(answerMetadata(requestId));
    let patience: NodeJS.Timeout | undefined;
    this.open.add(rpc);
    rpc.once('close', () => {
      clearTimeout(patience);
      this.open.delete(rpc);
    });
    rpc.once('end', () => rpc.end());
    rpc.on('data', (message: Buffer) => {
      let answer: object;
      try {
        answer = this.answer(method, message);
      } catch (error) {
        return fail(error);
      }
      if (rpc.write(answer)) return;
      // A caller that does not read is not listened to, and cut off after a while.
      rpc.pause();
      patience = setTimeout(() => cut(rpc), ANSWER_TIMEOUT_MS);
      rpc.once('drain', () => {
        clearTimeout(patience);
        rpc.resume();
      });
    });
  }

  private answer(method: MethodDefinition<unknown, unknown>, message: Buffer): object {
    if (message.length > MAX_SMALL_REQUEST)
      throw new StatusError(status.INVALID_ARGUMENT, `the request has ${message.length} bytes; the limit is ${MAX_SMALL_REQUEST}`);
    const request = readRequest<ReflectionRequest>(method, message);
    return { valid_host: request.host, original_request: request, ...this.descriptors.answer(request) };
  }
}
