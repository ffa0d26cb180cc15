/** MLflow's scoring protocol (https://mlflow.org/docs/latest/deployment/deploy-model-locally#inference-server-specification). */
import { objectOf, parametersFrom } from '../../../runtimes/open-inference/rest-request.js';
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import { TensorError, type Datatype, type Signature, type Tensor } from '../../../runtimes/tensor.js';
import type { DataPlane } from '../data-plane.js';
import { GatewayError } from '../gateway-error.js';
import type { Call } from '../pending.js';
import { routesOf, type FailureText, type HttpAnswer, type HttpProtocol, type HttpRoute } from './http-route.js';
import { readJson } from './json-body.js';
import { csvElement, frameFromCsv } from './mlflow-csv.js';
import { frameFromRecords, frameFromSplit, tensorsOfFrame } from './mlflow-frame.js';
import { assertName, nameOf } from './model-name.js';
import { columnsText, haveRows, rowsText } from './signature-text.js';
import { tensorsByColumn, tensorsByRow } from './signature-values.js';

/** MLflow's own codes (mlflow/protos/databricks.proto). */
const ERROR_CODES: Readonly<Record<number, string>> = {
  400: 'INVALID_PARAMETER_VALUE',
  401: 'UNAUTHENTICATED',
  404: 'RESOURCE_DOES_NOT_EXIST',
  405: 'ENDPOINT_NOT_FOUND',
  413: 'BAD_REQUEST',
  415: 'BAD_REQUEST',
  429: 'REQUEST_LIMIT_EXCEEDED',
  503: 'TEMPORARILY_UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};
const failureText: FailureText = (status, message) => JSON.stringify({ error_code: ERROR_CODES[status] ?? 'INTERNAL_ERROR', message });

const { get, post } = routesOf('mlflow', failureText);
const TEXT = { base64: false };

/** First segments of this protocol's paths. */
export const MLFLOW_ROOTS = ['invocations', 'deployments', 'ping', 'health', 'version'] as const;

/**
 * `/deployments/{name}/invocations` for every deployment; `/invocations` for the one that is named.
 * @param deployment undefined where none is
 * @throws GatewayError INVALID for a name that cannot be one
 */
export function mlflowRest(dataPlane: DataPlane, deployment: string | undefined): HttpProtocol {
  if (deployment !== undefined) assertName(deployment);
  return {
    failureText,
    route: (segments) => {
      const [root, encoded, verb] = segments;
      if (root === 'deployments') return segments.length === 3 ? deploymentRoute(dataPlane, nameOf(encoded!), verb!) : undefined;
      if (segments.length > 1) return undefined;
      if (root === 'version') return get(() => ({ status: 200, body: dataPlane.serverVersion, contentType: 'text/plain' }));
      if (deployment !== undefined) return deploymentRoute(dataPlane, deployment, root!);
      if (root !== 'invocations') return healthRoute(() => dataPlane.ready());
      throw new GatewayError(
        'NOT_FOUND',
        'no deployment answers at /invocations: PILOTHOUSE_MLFLOW_DEPLOYMENT would name it; each answers at /deployments/<name>/invocations',
      );
    },
  };
}

function deploymentRoute(dataPlane: DataPlane, name: string, verb: string): HttpRoute | undefined {
  if (verb === 'invocations') return post((call, body) => invoke(dataPlane, call, body, name));
  if (verb === 'ping' || verb === 'health') return healthRoute(() => dataPlane.modelReady(name));
  return undefined;
}

const healthRoute = (ready: () => boolean): HttpRoute => get(() => (ready() ? { status: 200, body: '\n' } : { status: 503, body: '\n' }), true);

async function invoke(dataPlane: DataPlane, call: Call, body: Buffer, name: string): Promise<HttpAnswer> {
  let byRow = true;
  const { response, version } = await dataPlane.infer(call, name, undefined, () => {
    const { signature } = dataPlane.targetRoute(name);
    const request = invocation(call.context.headers['content-type'], body, signature);
    byRow = request.byRow;
    return request;
  });
  try {
    const { outputs } = response;
    const text = byRow && haveRows(outputs) ? rowsText(outputs, TEXT) : columnsText(outputs, TEXT);
    return { status: 200, body: `{"predictions":${text}}`, version };
  } catch (error) {
    throw error instanceof TensorError ? new GatewayError('INVALID', error.message) : error;
  }
}

interface Invocation extends InferRequest {
  readonly byRow: boolean;
}

function invocation(contentType: string | readonly string[] | undefined, body: Buffer, signature: Signature): Invocation {
  const [type, ...parameters] = String(contentType ?? 'application/json')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') throw new TensorError(`charset ${charset.slice(0, 40)} is not known; send UTF-8`);
  if (type === 'text/csv') return { inputs: tensorsOfFrame(frameFromCsv(body), signature, csvElement), byRow: true };
  if (type === 'application/json' || type === '') return readJson(body, (value) => jsonInvocation(value, signature));
  throw new TensorError(`Content-Type ${JSON.stringify(type!.slice(0, 100))} is not known; send application/json or text/csv`);
}

const FORMATS: Readonly<Record<string, (value: unknown, signature: Signature) => Tensor[]>> = {
  dataframe_split: (value, signature) => tensorsOfFrame(frameFromSplit(value), signature, jsonElement),
  dataframe_records: (value, signature) => tensorsOfFrame(frameFromRecords(value), signature, jsonElement),
  instances: (value, signature) => tensorsByRow(signature, value),
  inputs: (value, signature) => tensorsByColumn(signature, value),
};

function jsonInvocation(value: unknown, signature: Signature): Invocation {
  const body = objectOf(value, 'the request');
  const given = Object.keys(FORMATS).filter((format) => body[format] !== undefined);
  if (given.length !== 1) {
    const known = Object.keys(FORMATS)
      .map((format) => `"${format}"`)
      .join(', ');
    throw new TensorError(
      `the request must have exactly one of ${known}; it has ${given.length === 0 ? 'none' : given.map((format) => `"${format}"`).join(' and ')}`,
    );
  }
  const [format] = given;
  const parameters = parametersFrom(body['params'], 'params');
  return { inputs: FORMATS[format!]!(body[format!], signature), ...(parameters && { parameters }), byRow: format !== 'inputs' };
}

/** pandas writes a missing value as null. */
const jsonElement = (cell: unknown, datatype: Datatype): unknown => (cell === null && datatype.startsWith('FP') ? 'NaN' : cell);
