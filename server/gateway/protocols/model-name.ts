/** Names and versions of models as callers write them, checked once for every protocol. */
import { GatewayError } from '../gateway-error.js';

/** Names of projects and deployments, as they can be registered; `a/../b`, `..` and ` a` are none. */
const MODEL_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const MAX_NAME = 200;

/** @param encoded one segment of a path. @throws GatewayError INVALID */
export function nameOf(encoded: string): string {
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    throw new GatewayError('INVALID', `model name ${JSON.stringify(encoded.slice(0, MAX_NAME))} is not percent-encoded UTF-8`);
  }
  assertName(name);
  return name;
}

/** @throws GatewayError INVALID */
export function assertName(name: string): void {
  if (name.length <= MAX_NAME && !name.includes('..') && MODEL_NAME.test(name)) return;
  throw new GatewayError(
    'INVALID',
    `${JSON.stringify(name.slice(0, MAX_NAME))} cannot be a model's name; names are letters, digits, "-", "_" and single dots between them`,
  );
}

/** @throws GatewayError INVALID */
export function versionOf(segment: string): number {
  if (!/^[1-9]\d{0,8}$/.test(segment))
    throw new GatewayError('INVALID', `version ${JSON.stringify(segment.slice(0, MAX_NAME))} is not a positive whole number`);
  return Number(segment);
}
