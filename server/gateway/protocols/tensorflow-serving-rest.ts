/**
 * TensorFlow Serving's REST API (https://www.tensorflow.org/tfx/serving/api_rest) and KServe V1
 * (https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol), which has the same paths.
 */
import { objectOf } from '../../../runtimes/open-inference/rest-request.js';
import { TensorError, type Signature, type Tensor } from '../../../runtimes/tensor.js';
import type { DataPlane } from '../data-plane.js';
import { GatewayError } from '../gateway-error.js';
import type { Answer, Call } from '../pending.js';
import { errorText, json, routesOf, type HttpAnswer, type HttpProtocol, type HttpRoute } from './http-route.js';
import { readJson } from './json-body.js';
import { nameOf, versionOf } from './model-name.js';
import { columnsText, rowsText } from './signature-text.js';
import { tensorsByColumn, tensorsByRow } from './signature-values.js';
import { modelStatus, signatureMetadata } from './tensorflow-serving-status.js';

const { get, post } = routesOf('tfs-rest');
const kserve = routesOf('kserve-v1');

/** The only signature that a version has here. */
const SIGNATURE_NAME = 'serving_default';
const TEXT = { base64: true };

export function tensorFlowServingRest(dataPlane: DataPlane): HttpProtocol {
  return {
    failureText: errorText,
    route: ([, first, ...rest]) => {
      if (first !== 'models') return undefined;
      if (rest.length === 0) return kserve.get(() => json(200, { models: [...new Set(dataPlane.models().map(({ name }) => name))] }));
      return modelRoute(dataPlane, rest);
    },
  };
}

/** `M`, `M/versions/V` or `M/labels/L`, then `:predict`, `/metadata` or nothing. */
function modelRoute(dataPlane: DataPlane, segments: readonly string[]): HttpRoute | undefined {
  const [path, verb] = withoutVerb(segments);
  const [encoded, kind, which, ...rest] = path;
  const name = nameOf(encoded!);
  if (verb === undefined && kind === 'metadata' && which === undefined) return metadataRoute(dataPlane, name, undefined);
  if (kind === undefined) return versionRoute(dataPlane, name, undefined, verb);
  if ((kind !== 'versions' && kind !== 'labels') || which === undefined) return undefined;
  const metadata = rest[0] === 'metadata' && rest.length === 1 && verb === undefined;
  if (rest.length > 0 && !metadata) return undefined;
  if (kind === 'labels')
    throw new GatewayError(
      'NOT_FOUND',
      `model "${name}" has no label ${JSON.stringify(which.slice(0, 100))}: a label is an alias of the model, and it has none`,
    );
  const version = versionOf(which);
  return metadata ? metadataRoute(dataPlane, name, version) : versionRoute(dataPlane, name, version, verb);
}

function withoutVerb(segments: readonly string[]): [path: readonly string[], verb: string | undefined] {
  const last = segments[segments.length - 1]!;
  const colon = last.lastIndexOf(':');
  return colon < 0 ? [segments, undefined] : [[...segments.slice(0, -1), last.slice(0, colon)], last.slice(colon + 1)];
}

function versionRoute(dataPlane: DataPlane, name: string, version: number | undefined, verb: string | undefined): HttpRoute | undefined {
  if (verb === undefined) return get(() => json(200, modelStatus(dataPlane, name, version)), true);
  return verb === 'predict' ? post((call, body) => predict(dataPlane, call, body, name, version)) : undefined;
}

const metadataRoute = (dataPlane: DataPlane, name: string, version: number | undefined): HttpRoute =>
  get(() => json(200, signatureMetadata(dataPlane, name, version, SIGNATURE_NAME)));

async function predict(dataPlane: DataPlane, call: Call, body: Buffer, name: string, version: number | undefined): Promise<HttpAnswer> {
  let byRow = true;
  const answer = await dataPlane.infer(call, name, version, () => {
    const { signature } = dataPlane.targetRoute(name, version);
    const request = readJson(body, (value) => predictRequest(value, signature));
    byRow = request.byRow;
    return request;
  });
  return { status: 200, body: answerText(answer, byRow), version: answer.version };
}

function predictRequest(value: unknown, signature: Signature): { inputs: Tensor[]; byRow: boolean } {
  const { instances, inputs, signature_name: signatureName } = objectOf(value, 'the request');
  if (signatureName !== undefined && signatureName !== '' && signatureName !== SIGNATURE_NAME)
    throw new TensorError(`signature_name ${JSON.stringify(signatureName).slice(0, 100)} is unknown; the model has "${SIGNATURE_NAME}" only`);
  if (instances !== undefined && inputs !== undefined) throw new TensorError('the request has both "instances" and "inputs"; one of them must go');
  if (instances !== undefined) return { inputs: tensorsByRow(signature, instances), byRow: true };
  if (inputs === undefined) throw new TensorError('the request has neither "instances" (by row) nor "inputs" (by column)');
  return { inputs: tensorsByColumn(signature, inputs), byRow: false };
}

function answerText({ response: { outputs } }: Answer, byRow: boolean): string {
  try {
    return byRow ? `{"predictions":${rowsText(outputs, TEXT)}}` : `{"outputs":${columnsText(outputs, TEXT)}}`;
  } catch (error) {
    throw error instanceof TensorError ? new GatewayError('INVALID', error.message) : error;
  }
}
