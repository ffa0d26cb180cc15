/** Which protocol a path belongs to. */
import type { DataPlane } from '../data-plane.js';
import { GatewayError } from '../gateway-error.js';
import type { HttpRoutes } from './http-route.js';
import { openInferenceRoute } from './open-inference-rest.js';

/** A segment that a file system or a proxy would climb by, encoded or not. */
const CLIMBS = /^(?:\.|%2e){1,2}$/i;

export function httpRoutes(dataPlane: DataPlane): HttpRoutes {
  return (path) => {
    const [root, protocol, ...segments] = path.split('/');
    if (root !== '' || protocol === undefined) return undefined;
    if (segments.some((segment) => CLIMBS.test(segment))) throw new GatewayError('INVALID', 'a path must not have "." or ".." between its slashes');
    return protocol === 'v2' ? openInferenceRoute(dataPlane, segments) : undefined;
  };
}
