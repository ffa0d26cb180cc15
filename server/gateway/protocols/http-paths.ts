/** Which protocol a path belongs to: its first segment says. */
import type { DataPlane } from '../dispatch/data-plane.js';
import { GatewayError } from '../gateway-error.js';
import { errorText, type HttpProtocol, type HttpRoutes } from '../http/http-route.js';
import { MLFLOW_ROOTS, mlflowRest } from './mlflow-rest.js';
import { openInferenceRest } from './open-inference-rest.js';
import { tensorFlowServingRest } from './tensorflow-serving-rest.js';
import type { TextInferences } from './text-inferences.js';

/** A segment that a file system or a proxy would climb by. */
const CLIMBS = /^\.{1,2}$/;

export interface HttpProtocolOptions {
  /** The deployment that answers MLflow's requests at the root; undefined for none. */
  readonly mlflowDeployment: string | undefined;
}

/** The protocols by the first segments of their paths. @throws GatewayError INVALID for a deployment's name that cannot be one */
export function httpProtocols(dataPlane: DataPlane, inferences: TextInferences, { mlflowDeployment }: HttpProtocolOptions): Map<string, HttpProtocol> {
  const mlflow = mlflowRest(dataPlane, inferences, mlflowDeployment);
  return new Map([
    ['v2', openInferenceRest(dataPlane, inferences)],
    ['v1', tensorFlowServingRest(dataPlane, inferences)],
    ...MLFLOW_ROOTS.map((root) => [root, mlflow] as const),
  ]);
}

export function httpRoutes(protocols: ReadonlyMap<string, HttpProtocol>): HttpRoutes {
  const protocolOf = (path: string): HttpProtocol | undefined => protocols.get(decoded(path.slice(1).split('/', 1)[0]!) ?? '');
  return {
    find: (path) => {
      const protocol = path.startsWith('/') ? protocolOf(path) : undefined;
      return protocol?.route(segmentsOf(path));
    },
    failureText: (path) => protocolOf(path)?.failureText ?? errorText,
  };
}

/**
 * Splits before it decodes, so that an encoded slash stays within its segment. Slashes at the end say nothing.
 * @throws GatewayError INVALID
 */
function segmentsOf(path: string): string[] {
  let end = path.length;
  while (path[end - 1] === '/') end--;
  return path
    .slice(1, end)
    .split('/')
    .map((encoded) => {
      const segment = decoded(encoded);
      if (segment === undefined) throw new GatewayError('INVALID', `${JSON.stringify(encoded.slice(0, 200))} in the path is not percent-encoded UTF-8`);
      if (CLIMBS.test(segment)) throw new GatewayError('INVALID', 'a path must not have "." or ".." between its slashes');
      return segment;
    });
}

/** @returns undefined where it is not percent-encoded UTF-8 */
function decoded(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
