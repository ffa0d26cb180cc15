import { DomainError } from '../errors.js';

/** Makes the opaque id of the `Node` interface from a type's name and the row's id. */
export const toNodeId = (type: string, id: string): string => Buffer.from(`${type}:${id}`).toString('base64url');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The type and row id behind an opaque id, or undefined for anything that is not one. */
export function readNodeId(nodeId: string): { type: string; id: string } | undefined {
  const [type, id, ...rest] = Buffer.from(nodeId, 'base64url').toString('utf8').split(':');
  return type && id && UUID.test(id) && rest.length === 0 ? { type, id } : undefined;
}

/** @throws DomainError INVALID, on `field`, unless it is the opaque id of a `type`. */
export function expectNodeId(type: string, nodeId: string, ...field: string[]): string {
  const read = readNodeId(nodeId);
  if (read?.type !== type) throw new DomainError('INVALID', `"${nodeId.slice(0, 80)}" is not the id of a ${type}`, field);
  return read.id;
}
