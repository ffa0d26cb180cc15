/** Writes down that everything was stopped on purpose, so that the next start begins with nothing running and nothing to blame. */
import type { Fence } from '../database/leadership.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { DeploymentEntity } from './deployment.entities.js';
import { RouteEntity } from '../routing/routing.entities.js';
import { RECONCILER } from './pass-writer.js';
import { writeRoute } from '../routing/route-table.js';

const REASON = 'Pilothouse was stopped';

/** Call it once every replica has ended: their rows become STOPPED, and routes keep their targets without replicas. */
export async function park(work: UnitOfWork, fence: Fence): Promise<void> {
  await work.run(RECONCILER, async (change) => {
    const { manager, now } = change;
    await fence.check(manager);
    await manager.query(`UPDATE replica SET state = 'STOPPED', reason = $1, stopped_at = $2 WHERE state NOT IN ('STOPPED', 'FAILED')`, [REASON, now]);
    const deployments = await manager
      .createQueryBuilder(DeploymentEntity, 'd')
      .setLock('pessimistic_write')
      .where(`d.phase NOT IN ('DELETED', 'DELETING', 'FAILED')`)
      .getMany();
    for (const { id, projectId, generation } of deployments) {
      const route = await manager.findOneBy(RouteEntity, { deploymentId: id });
      if (route) await writeRoute(change, id, { ...route.document, targets: route.document.targets.map((target) => ({ ...target, replicas: [] })) });
      await manager.update(DeploymentEntity, { id }, { phase: 'PENDING' });
      await change.emit({
        topic: 'deployment',
        subjectId: id,
        projectId,
        type: 'DEPLOYMENT_PENDING',
        payload: { phase: 'PENDING', generation, message: REASON },
      });
    }
  });
}
