/** `infer` over GraphQL: one more client of the gateway, so that there is one path, one meter, one canary. */
import { Agent, request, type IncomingMessage } from 'node:http';
import { tensorDataText, tensorFromJson, tensorToJson, type PlainTensorJson } from '../../runtimes/open-inference/json.js';
import { TensorError, type RequestPart, type Tensor } from '../../runtimes/tensor.js';
import { DomainError, type ErrorCode } from '../errors.js';
import { readJson } from '../json-body.js';

export interface InferenceRequest {
  /** The Open Inference Protocol's model name. */
  readonly model: string;
  readonly inputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[]; readonly data: unknown }[];
  readonly outputs: readonly string[] | null | undefined;
}

export interface Inference {
  readonly outputs: readonly PlainTensorJson[];
  /** Number of the version that answered. */
  readonly version: number | null;
}

interface OpenInferenceBody {
  readonly outputs: { name: string; datatype: string; shape: number[]; data: unknown }[];
}

/** Codes by the kind that the gateway's error has. What is not listed is UNAVAILABLE. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  INVALID: 'INVALID',
  NOT_FOUND: 'NOT_FOUND',
  TOO_LARGE: 'LIMIT_EXCEEDED',
  // The queue is full: waiting helps, a smaller request does not.
  OVERLOADED: 'UNAVAILABLE',
  // The model itself failed on a request that fits its signature, or died of it: calling again meets the same, and may do the same again.
  RUNTIME_FAILED: 'FAILED_PRECONDITION',
  REPLICA_LOST: 'FAILED_PRECONDITION',
  UNAVAILABLE: 'UNAVAILABLE',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
};

/** The gateway's error body. */
interface Refusal {
  readonly error: string;
  readonly kind: string;
  readonly field?: RequestPart['field'];
}

export class InferenceService {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 256 });

  /**
   * @param gateway address of the gateway's HTTP listener
   * @param token what the gateway wants as bearer, where it wants one
   */
  constructor(
    private readonly gateway: () => { host: string; port: number },
    private readonly token: () => string | undefined,
  ) {}

  /** @throws DomainError with the gateway's own words, on `deployment`, `inputs` or `outputs` where these are at fault */
  async infer({ model, inputs, outputs }: InferenceRequest): Promise<Inference> {
    const tensors = inputs.map((input, i) => readInput(input, i));
    const body = `{"inputs":[${tensors.map(tensorText).join(',')}]${outputs ? `,"outputs":${JSON.stringify(outputs.map((name) => ({ name })))}` : ''}}`;
    const { status, version, bytes } = await this.post(`/v2/models/${encodeURIComponent(model)}/infer`, body);
    if (status !== 200) {
      const refusal = readRefusal(bytes, status);
      if (refusal.kind === 'INTERNAL') throw new Error(`the gateway: ${refusal.error}`);
      throw new DomainError(CODES[refusal.kind] ?? 'UNAVAILABLE', refusal.error, fieldOf(refusal));
    }
    const answer = readJson(bytes, (value) => (value as OpenInferenceBody).outputs.map((output, i) => tensorFromJson(output, `outputs[${i}]`)));
    return { outputs: answer.map(tensorToJson), version };
  }

  close(): void {
    this.agent.destroy();
  }

  private async post(path: string, body: string): Promise<{ status: number; version: number | null; bytes: Buffer }> {
    const token = this.token();
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...(token && { authorization: `Bearer ${token}` }) };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request({ ...this.gateway(), path, method: 'POST', agent: this.agent, headers }, resolve);
      call.on('error', (error) => reject(new DomainError('UNAVAILABLE', `the gateway cannot be reached: ${error.message}`, [], { cause: error })));
      call.end(body);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const version = Number(response.headers['x-pilothouse-version']);
    return { status: response.statusCode ?? 0, version: Number.isInteger(version) ? version : null, bytes: Buffer.concat(chunks) };
  }
}

function readInput(input: InferenceRequest['inputs'][number], i: number): Tensor {
  try {
    return tensorFromJson(input, `inputs[${i}]`);
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    throw new DomainError('INVALID', error.message, ['inputs', String(i)]);
  }
}

const tensorText = (tensor: Tensor): string =>
  `${JSON.stringify({ name: tensor.name, datatype: tensor.datatype, shape: tensor.shape }).slice(0, -1)},"data":${tensorDataText(tensor)}}`;

/** Path of the argument of `infer` that the gateway refused. */
function fieldOf({ kind, field }: Refusal): readonly string[] {
  if (kind === 'TOO_LARGE') return ['inputs'];
  if (field === 'model' || field === 'version') return ['deployment'];
  return field === 'inputs' || field === 'outputs' ? [field] : [];
}

function readRefusal(bytes: Buffer, status: number): Refusal {
  try {
    const refusal = JSON.parse(bytes.toString('utf8')) as Refusal;
    if (typeof refusal.error === 'string') return refusal;
  } catch {
    // It was not the gateway that answered.
  }
  return { error: `the gateway answered with status ${status}`, kind: 'UNAVAILABLE' };
}
