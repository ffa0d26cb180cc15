/** `/metrics`, for Prometheus. */
import { CONTENT_TYPE } from '../observe/exposition.js';
import { errorText, routesOf, type HttpProtocol } from './http-route.js';

export const METRICS_ROOT = 'metrics';

const { get } = routesOf('oip-rest');

/** @param open whether it is answered without a token */
export function metricsProtocol(text: () => Promise<string>, open: boolean): HttpProtocol {
  const route = get(async () => ({ status: 200, body: await text(), contentType: CONTENT_TYPE }), open);
  return { failureText: errorText, route: ({ length }) => (length === 1 ? route : undefined) };
}
