/** In what form an MLflow body is. */
import { GatewayError } from '../gateway-error.js';
import type { MlflowBody } from '../text/mlflow-text.js';

const BODIES: Readonly<Record<string, MlflowBody>> = { 'application/json': 'json', '': 'json', 'text/csv': 'csv' };

/**
 * @param header Content-Type as it came; JSON where there is none
 * @throws GatewayError UNSUPPORTED_TYPE, as MLflow's scoring server answers 415
 */
export function mlflowBodyOf(header = ''): MlflowBody {
  const [type, ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw new GatewayError('UNSUPPORTED_TYPE', `charset ${charset.slice(0, 40)} is unknown; send UTF-8`);
  // Not by a look-up alone, which would find "constructor".
  if (Object.hasOwn(BODIES, type!)) return BODIES[type!]!;
  throw new GatewayError('UNSUPPORTED_TYPE', `Content-Type ${JSON.stringify(type!.slice(0, 100))} is unknown; send application/json or text/csv`);
}
