/** Which protocol a path belongs to: its first segment says. */
import type { DataPlane } from '../data-plane.js';
import { GatewayError } from '../gateway-error.js';
import { errorText, type HttpProtocol, type HttpRoutes } from './http-route.js';
import { MLFLOW_ROOTS, mlflowRest } from './mlflow-rest.js';
import { openInferenceRest } from './open-inference-rest.js';
import { tensorFlowServingRest } from './tensorflow-serving-rest.js';
import type { Texts } from './texts.js';

/** A segment that a file system or a proxy would climb by, encoded or not. */
const CLIMBS = /^(?:\.|%2e){1,2}$/i;

export interface HttpProtocolOptions {
  /** The deployment that answers MLflow's requests at the root; undefined for none. */
  readonly mlflowDeployment: string | undefined;
}

/** The protocols by the first segments of their paths. @throws GatewayError INVALID for a deployment's name that cannot be one */
export function httpProtocols(dataPlane: DataPlane, texts: Texts, { mlflowDeployment }: HttpProtocolOptions): Map<string, HttpProtocol> {
  const mlflow = mlflowRest(dataPlane, texts, mlflowDeployment);
  return new Map([
    ['v2', openInferenceRest(dataPlane, texts)],
    ['v1', tensorFlowServingRest(dataPlane, texts)],
    ...MLFLOW_ROOTS.map((root) => [root, mlflow] as const),
  ]);
}

export function httpRoutes(protocols: ReadonlyMap<string, HttpProtocol>): HttpRoutes {
  const protocolOf = (path: string): HttpProtocol | undefined => protocols.get(path.slice(1).split('/', 1)[0]!);
  return {
    find: (path) => {
      const protocol = path.startsWith('/') ? protocolOf(path) : undefined;
      if (!protocol) return undefined;
      const segments = path.slice(1).split('/');
      if (segments.some((segment) => CLIMBS.test(segment))) throw new GatewayError('INVALID', 'a path must not have "." or ".." between its slashes');
      return protocol.route(segments);
    },
    failureText: (path) => protocolOf(path)?.failureText ?? errorText,
  };
}
