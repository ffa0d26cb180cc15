/** The Open Inference Protocol's inference response: JSON tensors, binary tensors after the JSON, or a mix, as the request asked. */
import { tensorDataText } from '../../../runtimes/open-inference/json.js';
import { tensorToBytes } from '../../../runtimes/open-inference/message.js';
import type { RestRequest } from '../../../runtimes/open-inference/rest-request.js';
import { TensorError, type Tensor } from '../../../runtimes/tensor.js';
import { GatewayError } from '../gateway-error.js';
import type { Answer } from '../pending.js';
import { classify } from './classification.js';
import type { HttpAnswer } from './http-route.js';

/** @throws GatewayError INVALID where the outputs cannot be put into the form that was asked for */
export function openInferenceAnswer(model: string, { response, version }: Answer, request: RestRequest): HttpAnswer {
  try {
    return encode(model, version, response.outputs, request);
  } catch (error) {
    throw error instanceof TensorError ? new GatewayError('INVALID', error.message) : error;
  }
}

/** Written by hand: the tensors' numbers are by far the most of it, and JSON.stringify would want them boxed first. */
function encode(model: string, version: number, outputs: readonly Tensor[], { id, forms, binaryOutputs }: RestRequest): HttpAnswer {
  let text = `{"model_name":"${model}","model_version":"${version}"`;
  if (id !== undefined) text += `,"id":${JSON.stringify(id)}`;
  text += ',"outputs":[';
  let binary: Uint8Array[] | undefined;
  for (let i = 0; i < outputs.length; i++) {
    const form = forms?.[i];
    const tensor = form && form.classes > 0 ? classify(outputs[i]!, form.classes) : outputs[i]!;
    text += `${i > 0 ? ',' : ''}{"name":${JSON.stringify(tensor.name)},"shape":[${tensor.shape.join(',')}],"datatype":"${tensor.datatype}",`;
    if (form?.binary ?? binaryOutputs) {
      const bytes = tensorToBytes(tensor);
      text += `"parameters":{"binary_data_size":${bytes.byteLength}}}`;
      (binary ??= []).push(bytes);
    } else {
      text += `"data":${tensorDataText(tensor)}}`;
    }
  }
  return { status: 200, body: text + ']}', version, ...(binary && { binary }) };
}
