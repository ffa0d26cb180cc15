/**
 * TensorFlow Serving's REST API (https://www.tensorflow.org/tfx/serving/api_rest) and KServe V1
 * (https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol), which has the same paths.
 */
import type { DataPlane } from '../dispatch/data-plane.js';
import { GatewayError } from '../gateway-error.js';
import { errorText, json, routesOf, type HttpProtocol, type HttpRoute } from '../http/http-route.js';
import { nameOf, versionOf } from './model-name.js';
import { modelStatus, signatureMetadata } from './tensorflow-serving-status.js';
import { SIGNATURE_NAME } from '../text/tensorflow-serving-text.js';
import type { TextInferences } from './text-inferences.js';

const { get, post } = routesOf('tfs-rest');
const kserve = routesOf('kserve-v1');

export function tensorFlowServingRest(dataPlane: DataPlane, inferences: TextInferences): HttpProtocol {
  return {
    failureText: errorText,
    route: ([, first, ...rest]) => {
      if (first !== 'models') return undefined;
      if (rest.length === 0) return kserve.get(() => json(200, { models: [...new Set(dataPlane.models().map(({ name }) => name))] }));
      return modelRoute(dataPlane, inferences, rest);
    },
  };
}

/** `M`, `M/versions/V` or `M/labels/L`, then `:predict`, `/metadata` or nothing. */
function modelRoute(dataPlane: DataPlane, inferences: TextInferences, segments: readonly string[]): HttpRoute | undefined {
  const [path, verb] = withoutVerb(segments);
  const [segment, kind, which, ...rest] = path;
  const name = nameOf(segment!);
  if (verb === undefined && kind === 'metadata' && which === undefined) return metadataRoute(dataPlane, name, undefined);
  if (kind === undefined) return versionRoute(dataPlane, inferences, name, undefined, verb);
  if ((kind !== 'versions' && kind !== 'labels') || which === undefined) return undefined;
  const metadata = rest[0] === 'metadata' && rest.length === 1 && verb === undefined;
  if (rest.length > 0 && !metadata) return undefined;
  if (kind === 'labels')
    throw new GatewayError(
      'NOT_FOUND',
      `model "${name}" has no label ${JSON.stringify(which.slice(0, 100))}: labels are not supported; ask for a version by its number`,
    );
  const version = versionOf(which);
  return metadata ? metadataRoute(dataPlane, name, version) : versionRoute(dataPlane, inferences, name, version, verb);
}

function withoutVerb(segments: readonly string[]): [path: readonly string[], verb: string | undefined] {
  const last = segments[segments.length - 1]!;
  const colon = last.lastIndexOf(':');
  return colon < 0 ? [segments, undefined] : [[...segments.slice(0, -1), last.slice(0, colon)], last.slice(colon + 1)];
}

function versionRoute(
  dataPlane: DataPlane,
  inferences: TextInferences,
  name: string,
  version: number | undefined,
  verb: string | undefined,
): HttpRoute | undefined {
  if (verb === undefined) return get(() => json(200, modelStatus(dataPlane, name, version)), true);
  if (verb !== 'predict') return undefined;
  return post((call, body) => inferences.infer('tensorflow-serving', { call, model: name, version, body }, ({ signature }) => ({ signature })));
}

const metadataRoute = (dataPlane: DataPlane, name: string, version: number | undefined): HttpRoute =>
  get(() => json(200, signatureMetadata(dataPlane, name, version, SIGNATURE_NAME)));
