/** What deployments forget: replicas that ended long ago, and gateways that ended without saying so. */
import type { DataSource } from 'typeorm';
import type { Fence } from '../database/leadership.js';
import { removeSilentGateways } from '../routing/acknowledgements.js';

const DAY_MS = 86_400_000;
/** Ended replicas are kept this long, so that people can ask why they ended. */
const REPLICA_DAYS = 30;

/** @throws NotLeaderError when another server leads */
export async function pruneDeployments(dataSource: DataSource, fence: Fence, now: Date): Promise<void> {
  await dataSource.transaction(async (manager) => {
    await fence.check(manager);
    await manager.query(`DELETE FROM replica WHERE state IN ('STOPPED', 'FAILED') AND stopped_at < $1`, [new Date(now.getTime() - REPLICA_DAYS * DAY_MS)]);
    await removeSilentGateways(manager, new Date(now.getTime() - DAY_MS));
  });
}
