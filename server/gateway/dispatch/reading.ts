/**
 * A request as the version reads it that it goes to: its tensors checked against that version's signature and in its order. A reading
 * belongs to one version: another may have other inputs, in another order, or take the same text for other tensors.
 */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import { assertInputs, assertOutputs, type TensorSpec } from '../../../runtimes/tensor.js';
import { fitShapes } from './fit-shape.js';
import { asRefusal } from '../gateway-error.js';
import type { TargetRoute } from '../../routing/route-document.js';

/** Makes the request for a target, by whose signature it may have to be read. @throws TensorError for the caller's mistake; GatewayError */
export type Decode = (route: TargetRoute) => InferRequest;

/** @throws GatewayError INVALID when the request does not fit the version */
export function readFor(route: TargetRoute, decode: Decode): InferRequest {
  try {
    return fitted(route, decode(route));
  } catch (error) {
    throw asRefusal(error);
  }
}

/** The same, of a request that was decoded for the version. @throws TensorError when it does not fit the version */
export function fitted(route: TargetRoute, decoded: InferRequest): InferRequest {
  const { signature } = route;
  const request = fitShapes(withoutOwn(decoded), signature);
  assertInputs(signature, request.inputs);
  if (request.outputs) assertOutputs(signature, request.outputs);
  return inOrder(route, request);
}

/** Whether what was read for one version is read alike for another. */
export function readAlike(a: readonly TensorSpec[], b: readonly TensorSpec[]): boolean {
  return a.length === b.length && a.every((spec, i) => sameSpec(spec, b[i]!));
}

function sameSpec(a: TensorSpec, b: TensorSpec): boolean {
  return a.name === b.name && a.datatype === b.datatype && a.optional === b.optional && String(a.shape) === String(b.shape);
}

/** What goes on to a replica. The caller's id stays here, because frames are told apart by their own, and so does its timeout. */
function withoutOwn({ inputs, outputs, parameters }: InferRequest): InferRequest {
  if (!parameters) return outputs ? { inputs, outputs } : { inputs };
  const { timeout: _, ...others } = parameters;
  return { inputs, ...(outputs && { outputs }), ...(Object.keys(others).length > 0 && { parameters: others }) };
}

/** Only what is in one order can be merged. Nearly every request is in the signature's already. */
function inOrder({ signature }: TargetRoute, request: InferRequest): InferRequest {
  const { inputs } = request;
  let at = 0;
  while (at < inputs.length && inputs[at]!.name === signature.inputs[at]?.name) at++;
  if (at === inputs.length) return request;
  const place = new Map(signature.inputs.map(({ name }, i) => [name, i]));
  return { ...request, inputs: [...inputs].sort((a, b) => place.get(a.name)! - place.get(b.name)!) };
}
