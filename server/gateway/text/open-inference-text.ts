/** The Open Inference Protocol's requests and responses: JSON tensors, binary tensors after the JSON, or a mix. */
import { encodeBase64 } from '../../../runtimes/open-inference/content-type.js';
import { tensorDataText } from '../../../runtimes/open-inference/json.js';
import { tensorToBytes } from '../../../runtimes/open-inference/message.js';
import { restRequestFrom, type OutputForm, type RestRequest } from '../../../runtimes/open-inference/rest-request.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { classifiedElements, classify } from './classification.js';
import { readJson } from '../../json-body.js';
import { splitBody } from '../http/open-inference-body.js';
import { elementsAsText, type AnsweredBy, type Text, type TextProtocol } from './text-protocol.js';

export interface OpenInferenceContext {
  /** The header Inference-Header-Content-Length, as it came. */
  readonly headerLength: string | undefined;
}

export type OpenInferenceForm = Pick<RestRequest, 'id' | 'forms' | 'binaryOutputs'>;

export const openInferenceText: TextProtocol<OpenInferenceContext, OpenInferenceForm> = {
  read: (body, { headerLength }) => {
    const { json, binary } = splitBody(headerLength, body);
    const request = readJson(json, (value) => restRequestFrom(value, binary));
    const { id, forms, binaryOutputs } = request;
    return { request, form: { ...(id !== undefined && { id }), forms, binaryOutputs } };
  },
  elements: (outputs, form) => outputs.reduce((sum, output, i) => sum + elementsOf(output, form, i), 0),
  write,
};

const isBinary = ({ forms, binaryOutputs }: OpenInferenceForm, output: number): boolean => forms?.[output]?.binary ?? binaryOutputs;

function elementsOf(output: Tensor, form: OpenInferenceForm, at: number): number {
  const classes = form.forms?.[at]?.classes ?? 0;
  // Classes are texts, also those that are answered as binary data.
  if (classes > 0) return classifiedElements(output, classes);
  return isBinary(form, at) && !form.forms?.[at]?.base64 ? 0 : elementsAsText(output);
}

/** Written by hand: the tensors' numbers are by far the most of it, and JSON.stringify would want them boxed first. */
function write(outputs: readonly Tensor[], form: OpenInferenceForm, { model, version }: AnsweredBy): Text {
  const { id, forms } = form;
  let text = `{"model_name":"${model}","model_version":"${version}"`;
  if (id !== undefined) text += `,"id":${JSON.stringify(id)}`;
  text += ',"outputs":[';
  let binary: Uint8Array[] | undefined;
  for (let i = 0; i < outputs.length; i++) {
    const tensor = formed(outputs[i]!, forms?.[i]);
    const base64 = forms?.[i]?.base64 ?? false;
    text += `${i > 0 ? ',' : ''}{"name":${JSON.stringify(tensor.name)},"shape":[${tensor.shape.join(',')}],"datatype":"${tensor.datatype}",`;
    if (isBinary(form, i)) {
      const bytes = tensorToBytes(tensor);
      text += `"parameters":{${base64 ? `${BASE64},` : ''}"binary_data_size":${bytes.byteLength}}}`;
      (binary ??= []).push(bytes);
    } else {
      text += `${base64 ? `"parameters":{${BASE64}},` : ''}"data":${tensorDataText(tensor)}}`;
    }
  }
  return { body: text + ']}', ...(binary && { binary }) };
}

const BASE64 = '"content_type":"base64"';

/** An output in the form that was asked for. */
function formed(tensor: Tensor, form: OutputForm | undefined): Tensor {
  if (form?.base64) return encodeBase64(tensor, `output "${tensor.name}"`);
  return form && form.classes > 0 ? classify(tensor, form.classes) : tensor;
}
