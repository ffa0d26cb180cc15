/** MLflow's bodies: JSON in four forms, or CSV. */
import { objectOf, parametersFrom } from '../../../runtimes/open-inference/rest-request.js';
import { TensorError, type Datatype, type Signature, type Tensor } from '../../../runtimes/tensor.js';
import { readJson } from '../../json-body.js';
import { csvElement, frameFromCsv } from './mlflow-csv.js';
import { frameFromRecords, frameFromSplit, tensorsOfFrame } from './mlflow-frame.js';
import { columnsText, haveRows, rowsText } from './signature-text.js';
import { areNamedRows, tensorsByColumn, tensorsByRow } from './signature-values.js';
import type { RowForm } from './tensorflow-serving-text.js';
import { nestedElements, type Reading, type TextProtocol } from './text-protocol.js';

const TEXT = { base64: false };

/** In what form a body is. */
export type MlflowBody = 'json' | 'csv';

export interface MlflowContext {
  readonly form: MlflowBody;
  readonly signature: Signature;
}

export const mlflowText: TextProtocol<MlflowContext, RowForm> = {
  read,
  elements: nestedElements,
  write: (outputs, { byRow }) => ({ body: `{"predictions":${byRow && haveRows(outputs) ? rowsText(outputs, TEXT) : columnsText(outputs, TEXT)}}` }),
};

function read(body: Buffer, { form, signature }: MlflowContext): Reading<RowForm> {
  if (form === 'csv') return { request: { inputs: tensorsOfFrame(frameFromCsv(body), signature, csvElement) }, form: { byRow: true } };
  return readJson(body, (value) => jsonInvocation(value, signature));
}

/** `inputs` may be a list of named rows too. */
const FORMATS: Readonly<Record<string, (value: unknown, signature: Signature) => Tensor[]>> = {
  dataframe_split: (value, signature) => tensorsOfFrame(frameFromSplit(value), signature, jsonElement),
  dataframe_records: (value, signature) => tensorsOfFrame(frameFromRecords(value), signature, jsonElement),
  instances: (value, signature) => tensorsByRow(signature, value),
  inputs: (value, signature) => (areNamedRows(value) ? tensorsByRow(signature, value, 'inputs') : tensorsByColumn(signature, value)),
};

function jsonInvocation(value: unknown, signature: Signature): Reading<RowForm> {
  const body = objectOf(value, 'the request');
  // Typed clients send null for what is absent.
  const given = Object.keys(FORMATS).filter((format) => body[format] != null);
  if (given.length !== 1) {
    const known = Object.keys(FORMATS)
      .map((format) => `"${format}"`)
      .join(', ');
    throw new TensorError(
      `the request must have exactly one of ${known}; it has ${given.length === 0 ? 'none' : given.map((format) => `"${format}"`).join(' and ')}`,
    );
  }
  const [format] = given;
  const byRow = format !== 'inputs' || areNamedRows(body[format]);
  const parameters = parametersFrom(body['params'], 'params');
  return { request: { inputs: FORMATS[format!]!(body[format!], signature), ...(parameters && { parameters }) }, form: { byRow } };
}

/** pandas writes a missing value as null. */
const jsonElement = (cell: unknown, datatype: Datatype): unknown => (cell === null && datatype.startsWith('FP') ? 'NaN' : cell);
