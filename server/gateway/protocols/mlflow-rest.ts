/** MLflow's scoring protocol (https://mlflow.org/docs/latest/deployment/deploy-model-locally#inference-server-specification). */
import type { DataPlane } from '../dispatch/data-plane.js';
import { GatewayError } from '../gateway-error.js';
import { routesOf, type FailureText, type HttpProtocol, type HttpRoute } from '../http/http-route.js';
import { mlflowBodyOf } from './mlflow-content-type.js';
import { assertName, nameOf } from './model-name.js';
import type { TextInferences } from './text-inferences.js';

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
const failureText: FailureText = ({ status, message, kind, part }) =>
  JSON.stringify({ error_code: ERROR_CODES[status] ?? 'INTERNAL_ERROR', message, kind, ...part });

const { get, post } = routesOf('mlflow', failureText);

/** First segments of this protocol's paths. */
export const MLFLOW_ROOTS = ['invocations', 'deployments', 'ping', 'health', 'version'] as const;

/**
 * `/deployments/{name}/invocations` for every deployment; `/invocations` for the one that is named.
 * @param deployment undefined where none is
 * @throws GatewayError INVALID for a name that cannot be one
 */
export function mlflowRest(dataPlane: DataPlane, inferences: TextInferences, deployment: string | undefined): HttpProtocol {
  if (deployment !== undefined) assertName(deployment);
  return {
    failureText,
    route: (segments) => {
      const [root, segment, verb] = segments;
      if (root === 'deployments') return segments.length === 3 ? deploymentRoute(dataPlane, inferences, nameOf(segment!), verb!) : undefined;
      if (segments.length > 1) return undefined;
      if (root === 'version') return get(() => ({ status: 200, body: dataPlane.serverVersion, contentType: 'text/plain' }));
      if (deployment !== undefined) return deploymentRoute(dataPlane, inferences, deployment, root!, `/${root}`);
      if (root !== 'invocations') return healthRoute(() => dataPlane.ready());
      throw new GatewayError('NOT_FOUND', 'no deployment is set for /invocations; set PILOTHOUSE_MLFLOW_DEPLOYMENT, or use /deployments/<name>/invocations');
    },
  };
}

/** @param path where it is not the one with a name */
function deploymentRoute(dataPlane: DataPlane, inferences: TextInferences, name: string, verb: string, path?: string): HttpRoute | undefined {
  if (verb === 'invocations')
    return post(
      (call, body) =>
        inferences.infer('mlflow', { call, model: name, body }, ({ signature }) => ({
          form: mlflowBodyOf(call.context.headers['content-type'] as string | undefined),
          signature,
        })),
      path,
    );
  if (verb === 'ping' || verb === 'health') return healthRoute(() => dataPlane.modelReady(name));
  return undefined;
}

const healthRoute = (ready: () => boolean): HttpRoute => get(() => (ready() ? { status: 200, body: '\n' } : { status: 503, body: '\n' }), true);
