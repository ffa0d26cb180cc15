/** `ModelInferResponse` and its stream form. As Triton does, tensors are always answered raw. Field numbers: open-inference.proto. */
import { tensorToBytes } from '../../../runtimes/open-inference/message.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import type { RequestedOutput } from './grpc-infer-request.js';
import { ProtobufWriter, WireMessage } from './grpc-wire-message.js';

export interface InferAnswer {
  readonly model: string;
  readonly version: number;
  /** `''` for none. */
  readonly id: string;
  readonly outputs: readonly Tensor[];
  /** As they were asked for, one for each output; undefined where nothing was said. */
  readonly forms?: readonly Pick<RequestedOutput, 'base64'>[] | undefined;
  /** Whether the answer says that it is the request's last: of stream calls, where it was asked for. */
  readonly final?: boolean;
}

export function inferResponse(answer: InferAnswer): WireMessage {
  return new WireMessage(responseParts(answer));
}

export function streamResponse(answer: InferAnswer): WireMessage {
  const parts = responseParts(answer);
  const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return new WireMessage([new ProtobufWriter().head(2, length).bytes(), ...parts]);
}

/** Says which request failed, and why; the stream goes on. */
export function streamFailure(id: string, message: string): WireMessage {
  const response = new ProtobufWriter().string(3, id).bytes();
  return new WireMessage([new ProtobufWriter().string(1, message).block(2, response).bytes()]);
}

function responseParts({ model, version, id, outputs, forms, final }: InferAnswer): Uint8Array[] {
  const head = new ProtobufWriter().string(1, model).string(2, String(version)).string(3, id);
  if (final) head.block(4, FINAL);
  for (const [i, { name, datatype, shape }] of outputs.entries()) {
    const output = new ProtobufWriter().string(1, name).string(2, datatype).packed(3, shape);
    if (forms?.[i]?.base64) output.block(4, BASE64);
    head.block(5, output.bytes());
  }
  const parts: Uint8Array[] = [head.bytes()];
  for (const tensor of outputs) {
    const bytes = tensorToBytes(tensor);
    parts.push(new ProtobufWriter().head(6, bytes.byteLength).bytes(), bytes);
  }
  return parts;
}

const BASE64 = new ProtobufWriter().string(1, 'content_type').block(2, new ProtobufWriter().string(3, 'base64').bytes()).bytes();
const FINAL = new ProtobufWriter().string(1, 'triton_final_response').block(2, new ProtobufWriter().flag(1, true).bytes()).bytes();
