/** Every form in which a case can be sent over gRPC. */
import type { InferenceCase, ProtocolForm } from './protocol-cases.js';
import { GrpcClient, inferMessage, inferOverGrpc, tensorsOf, type StreamAnswer } from './grpc.js';

export interface GrpcGateway {
  readonly grpcPort: number;
}

async function withClient<T>({ grpcPort }: GrpcGateway, work: (client: GrpcClient) => Promise<T>): Promise<T> {
  const client = new GrpcClient(`127.0.0.1:${grpcPort}`);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const unary = (title: string, typed: boolean, carries: ProtocolForm<GrpcGateway>['carries']): ProtocolForm<GrpcGateway> => ({
  title,
  carries,
  infer: (gateway, { model, inputs, outputs }) =>
    withClient(gateway, async (client) => (await inferOverGrpc(client, model, inputs, { typed, ...(outputs && { outputs }) })).outputs),
});

export const GRPC_FORMS: readonly ProtocolForm<GrpcGateway>[] = [
  unary('gRPC, raw contents', false, () => true),
  // The protocol has no typed field for half precision.
  unary('gRPC, typed contents', true, ({ inputs }: InferenceCase) => inputs.every(({ datatype }) => datatype !== 'FP16')),
  {
    title: 'gRPC, on a stream',
    carries: () => true,
    infer: (gateway, { model, inputs, outputs }) =>
      withClient(gateway, async (client) => {
        const stream = client.stream();
        const answer = new Promise<StreamAnswer>((resolve, reject) => stream.once('data', resolve).once('error', reject));
        stream.write(inferMessage(model, inputs, outputs ? { outputs } : {}));
        const { error_message: failure, infer_response: response } = await answer;
        stream.end();
        if (failure !== '') throw new Error(failure);
        return tensorsOf(response);
      }),
  },
];
