/** TensorFlow Serving's and KServe V1's bodies: by row (`instances`) or by column (`inputs`), without datatypes or shapes. */
import { objectOf } from '../../../runtimes/open-inference/rest-request.js';
import { TensorError, type Signature } from '../../../runtimes/tensor.js';
import { readJson } from '../../json-body.js';
import { columnsText, rowsText } from './signature-text.js';
import { areNamedRows, tensorsByColumn, tensorsByRow } from './signature-values.js';
import { nestedElements, type Reading, type TextProtocol } from './text-protocol.js';

/** The only signature that a version has here. */
export const SIGNATURE_NAME = 'serving_default';
const TEXT = { base64: true };

/** Answers come the way requests do. */
export interface RowForm {
  readonly byRow: boolean;
}

export const tensorFlowServingText: TextProtocol<{ readonly signature: Signature }, RowForm> = {
  read: (body, { signature }) => readJson(body, (value) => predictRequest(value, signature)),
  elements: nestedElements,
  write: (outputs, { byRow }) => ({ body: byRow ? `{"predictions":${rowsText(outputs, TEXT)}}` : `{"outputs":${columnsText(outputs, TEXT)}}` }),
};

function predictRequest(value: unknown, signature: Signature): Reading<RowForm> {
  const { instances, inputs, signature_name: signatureName } = objectOf(value, 'the request');
  // Typed clients send null for what is absent.
  if (signatureName != null && signatureName !== '' && signatureName !== SIGNATURE_NAME)
    throw new TensorError(`signature_name ${JSON.stringify(signatureName).slice(0, 100)} is unknown; the model has "${SIGNATURE_NAME}" only`);
  if (instances != null && inputs != null) throw new TensorError('the request has both "instances" and "inputs"; remove one of them');
  if (instances != null) return { request: { inputs: tensorsByRow(signature, instances) }, form: { byRow: true } };
  if (inputs == null) throw new TensorError('the request has neither "instances" (by row) nor "inputs" (by column)');
  if (areNamedRows(inputs)) return { request: { inputs: tensorsByRow(signature, inputs, 'inputs') }, form: { byRow: true } };
  return { request: { inputs: tensorsByColumn(signature, inputs) }, form: { byRow: false } };
}
