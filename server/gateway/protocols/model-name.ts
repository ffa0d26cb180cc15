/** Names and versions of models as callers write them, checked once for every protocol. */
import { GatewayError } from '../gateway-error.js';

/** `deployment` or `project.deployment`, as they can be made; `a/../b`, `..` and ` a` are none. */
const MODEL_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
/** Characters of a wrong name that its error quotes. */
const MAX_QUOTED = 200;

/** @param segment of a path, decoded. @throws GatewayError INVALID */
export function nameOf(segment: string): string {
  assertName(segment);
  return segment;
}

/** @throws GatewayError INVALID */
export function assertName(name: string): void {
  if (MODEL_NAME.test(name)) return;
  throw new GatewayError(
    'INVALID',
    `${JSON.stringify(name.slice(0, MAX_QUOTED))} is not a valid model name; it must be "deployment" or "project.deployment", each 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-", with a letter or digit at both ends`,
    undefined,
    { part: { field: 'model' } },
  );
}

/**
 * @returns undefined for 0, which leaves the version to the deployment, as a request without a version does. OpenVINO's client sends it
 *   with every request that names no version.
 * @throws GatewayError INVALID
 */
export function versionOf(text: string): number | undefined {
  if (text === '0') return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new GatewayError(
      'INVALID',
      `version ${JSON.stringify(text.slice(0, MAX_QUOTED))} is not a positive whole number; 0 stands for any version`,
      undefined,
      { part: { field: 'version' } },
    );
  return Number(text);
}
