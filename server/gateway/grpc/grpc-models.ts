/** What the Open Inference Protocol's other calls say of the server and its models, over gRPC. */
import { status, type MethodDefinition, type ServiceDefinition, type UntypedHandleCall } from '@grpc/grpc-js';
import type { TensorMetadata } from '../dispatch/data-plane.js';
import { GatewayError } from '../gateway-error.js';
import type { GrpcOptions } from './grpc-call.js';
import { unary } from './grpc-service.js';
import { StatusError } from './grpc-status.js';
import { assertName, versionOf } from '../protocols/model-name.js';
import { EXTENSIONS, modelConfig, modelStatistics, repositoryIndex } from '../protocols/triton.js';

interface ModelRequest {
  readonly name: string;
  /** `''` for none. */
  readonly version: string;
}

/** Handlers by the names of the service's methods. */
export function modelCalls(options: GrpcOptions, service: ServiceDefinition): Record<string, UntypedHandleCall> {
  const { dataPlane } = options;
  const method = (name: string) => service[name] as MethodDefinition<unknown, unknown>;
  const call = <T>(name: string, answer: (request: T) => object) => unary<T>(options, method(name), answer);
  return {
    ServerLive: call('ServerLive', () => ({ live: true })),
    ServerReady: call('ServerReady', () => ({ ready: dataPlane.ready() })),
    ModelReady: call<ModelRequest>('ModelReady', (request) => ({ ready: isReady(options, request) })),
    ServerMetadata: call('ServerMetadata', () => dataPlane.serverMetadata(EXTENSIONS)),
    ModelMetadata: call<ModelRequest>('ModelMetadata', (request) => {
      const metadata = dataPlane.modelMetadata(...nameAndVersion(request));
      return { ...metadata, inputs: metadata.inputs.map(tensorMetadata), outputs: metadata.outputs.map(tensorMetadata) };
    }),
    ModelConfig: call<ModelRequest>('ModelConfig', (request) => ({ config: modelConfig(dataPlane, ...nameAndVersion(request)) })),
    ModelStatistics: call<ModelRequest>('ModelStatistics', (request) =>
      request.name === '' ? modelStatistics(dataPlane) : modelStatistics(dataPlane, ...nameAndVersion(request)),
    ),
    RepositoryIndex: call<{ ready: boolean }>('RepositoryIndex', ({ ready }) => ({ models: repositoryIndex(dataPlane, ready) })),
    RepositoryModelLoad: call('RepositoryModelLoad', refuse),
    RepositoryModelUnload: call('RepositoryModelUnload', refuse),
  };
}

/** The protocol's lists cannot be null. */
function tensorMetadata({ shape, parameters = {}, ...rest }: TensorMetadata): object {
  const typed = Object.entries(parameters).map(([name, value]) => [name, { bool_param: value }]);
  return { ...rest, shape: shape ?? [], parameters: Object.fromEntries(typed) };
}

/** As in Triton, a model that is unknown is one that is not ready. */
function isReady({ dataPlane }: GrpcOptions, request: ModelRequest): boolean {
  try {
    return dataPlane.modelReady(...nameAndVersion(request));
  } catch (error) {
    if (error instanceof GatewayError && (error.kind === 'NOT_FOUND' || error.kind === 'UNAVAILABLE')) return false;
    throw error;
  }
}

function nameAndVersion({ name, version }: ModelRequest): [name: string, version: number | undefined] {
  assertName(name);
  return [name, version === '' ? undefined : versionOf(version)];
}

function refuse(): never {
  throw new StatusError(
    status.UNIMPLEMENTED,
    'models are loaded and unloaded by the control plane: deploy a version, or delete the deployment, through its GraphQL API (mutations deploy and deleteDeployment)',
  );
}
