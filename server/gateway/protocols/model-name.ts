/** Names and versions of models as callers write them, checked once for every protocol. */
import { GatewayError } from '../gateway-error.js';

/** Names of projects and deployments, as they can be registered; `a/../b`, `..` and ` a` are none. */
const MODEL_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const MAX_NAME = 200;

/** @param segment of a path, decoded. @throws GatewayError INVALID */
export function nameOf(segment: string): string {
  assertName(segment);
  return segment;
}

/** @throws GatewayError INVALID */
export function assertName(name: string): void {
  if (name.length <= MAX_NAME && !name.includes('..') && MODEL_NAME.test(name)) return;
  throw new GatewayError(
    'INVALID',
    `${JSON.stringify(name.slice(0, MAX_NAME))} cannot be a model's name; names are letters, digits, "-", "_" and single dots between them`,
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
    throw new GatewayError('INVALID', `version ${JSON.stringify(text.slice(0, MAX_NAME))} is not a positive whole number; 0 stands for any version`);
  return Number(text);
}
