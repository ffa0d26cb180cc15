/** The route table: documents by deployment, and a version that counts its changes. Written in the transaction of the change. */
import type { EntityManager } from 'typeorm';
import { NOTIFICATION } from '../database/notification-names.js';
import type { Change } from '../database/unit-of-work.js';
import type { RouteDocument } from './route-document.js';
import { RouteEntity } from './routing.entities.js';

/** Writes a route, or removes it; answers the table's new version. */
export async function writeRoute(change: Change, deploymentId: string, document: RouteDocument | null): Promise<number> {
  const version = await nextTableVersion(change.manager);
  if (document) await change.manager.upsert(RouteEntity, { deploymentId, version, document: document as never, updatedAt: change.now }, ['deploymentId']);
  else await change.manager.delete(RouteEntity, { deploymentId });
  change.wake(NOTIFICATION.ROUTES);
  return version;
}

async function nextTableVersion(manager: EntityManager): Promise<number> {
  const [rows]: [{ version: string }[]] = await manager.query('UPDATE route_table SET version = version + 1 WHERE id = 1 RETURNING version');
  return Number(rows[0]!.version);
}
