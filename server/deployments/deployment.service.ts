/** What callers may do to deployments. It only writes down what is wanted: the reconciler does the rest. */
import { randomUUID } from 'node:crypto';
import type { SelectQueryBuilder } from 'typeorm';
import { idempotent } from '../access/idempotency.js';
import { readBack } from '../database/read-back.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { NOTIFICATION } from '../database/notification-names.js';
import type { ProjectService } from '../registry/project.service.js';
import { checkGeneration, checkModelName, isModelName, isName } from '../registry/names.js';
import type { VersionService } from '../registry/version.service.js';
import type { ProjectEntity } from '../registry/registry.entities.js';
import { DeploymentEntity, RevisionEntity, RolloutEntity, type DeploymentSpec } from './deployment.entities.js';
import { expectOwnModelName } from './endpoint-names.js';
import { expectLive } from './live.js';
import { previousRevision, revise } from './revisions.js';
import { changedSpec, checkNumbersDiffer, sameSpec, type SpecChange } from './spec.js';

/** How a caller names a deployment. */
export type DeploymentRef = { readonly id: string } | { readonly project: string; readonly name: string };

export interface DeployRequest {
  readonly project: string;
  readonly name: string;
  readonly spec: SpecChange;
  readonly reason: string;
  readonly expectedGeneration?: number | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
  /** The caller's input as it came, for the idempotency digest. */
  readonly input: object;
}

export interface ChangeRequest {
  readonly ref: DeploymentRef;
  readonly reason: string;
  readonly expectedGeneration?: number | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

export class DeploymentService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly projects: ProjectService,
    private readonly versions: VersionService,
    /** Tells the reconciler of this process, where it has one that leads. */
    private readonly wake: (deploymentId: string) => void,
  ) {}

  /** @throws DomainError NOT_FOUND */
  async get(ref: DeploymentRef, field: readonly string[] = ['deployment']): Promise<DeploymentEntity> {
    const found = await this.find(ref);
    if (!found) throw notFound(ref, field);
    return found;
  }

  async find(ref: DeploymentRef): Promise<DeploymentEntity | undefined> {
    const manager = this.work.manager;
    if ('id' in ref) return (await manager.findOneBy(DeploymentEntity, { id: ref.id })) ?? undefined;
    return (await this.named(ref)?.andWhere(`d.phase <> 'DELETED'`).getOne()) ?? undefined;
  }

  /** The deployment that has, or last had, this name. @throws DomainError NOT_FOUND */
  async getEvenDeleted(ref: DeploymentRef, field: readonly string[] = ['deployment']): Promise<DeploymentEntity> {
    const found = (await this.find(ref)) ?? ('name' in ref ? await this.named(ref)?.orderBy('d.createdAt', 'DESC').limit(1).getOne() : undefined);
    if (!found) throw notFound(ref, field);
    return found;
  }

  async byName(project: string, name: string): Promise<DeploymentEntity | undefined> {
    return this.find({ project, name });
  }

  /** Creates the deployment, or changes its spec. A spec that changes nothing makes no revision, unless the last rollout FAILED. */
  async deploy(actor: Actor, request: DeployRequest): Promise<DeploymentEntity> {
    checkModelName(request.name);
    const project = await this.projects.expect(request.project);
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'deploy', key: request.idempotencyKey, input: request.input }, async () => {
        // Two creations of one name must not race past each other: the later one waits here, and then finds the row.
        await change.manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`deployment:${project.id}:${request.name}`]);
        const before = await change.manager
          .createQueryBuilder(DeploymentEntity, 'd')
          .setLock('pessimistic_write')
          .where(`d.projectId = :projectId AND d.name = :name AND d.phase <> 'DELETED'`, { projectId: project.id, name: request.name })
          .getOne();
        change.afterCommit(() => before && this.wake(before.id));
        if (!before) return this.create(change, project, request);
        expectLive(before, ['name'], '; wait until its phase is DELETED');
        checkGeneration(before, request.expectedGeneration);
        const spec = changedSpec(before.spec, request.spec);
        if (sameSpec(spec, before.spec) && before.phase !== 'FAILED') return before.id;
        await this.expectReadyVersions(change, spec);
        await revise(change, before, spec, { action: 'deploy', reason: request.reason });
        return before.id;
      }),
    );
    return readBack(() => this.get({ id }));
  }

  /** Changes the number of replicas of each target. */
  async scale(actor: Actor, request: ChangeRequest & { replicas: number }): Promise<DeploymentEntity> {
    return this.change(actor, 'scale', request, async (change, deployment) => {
      if (deployment.scaledReplicas !== null) {
        throw new DomainError(
          'FAILED_PRECONDITION',
          `a scaling policy sets the replicas of "${deployment.name}"; change its minReplicas and maxReplicas, or delete it first`,
          ['replicas'],
        );
      }
      const spec = changedSpec(deployment.spec, { replicas: request.replicas });
      if (!sameSpec(spec, deployment.spec)) await revise(change, deployment, spec, { action: 'scale', reason: request.reason });
    });
  }

  /** Makes a new revision with the spec of an earlier one; of the one before, where none is named. */
  async rollback(actor: Actor, request: ChangeRequest & { toRevision?: number | null | undefined }): Promise<DeploymentEntity> {
    return this.change(actor, 'rollback', request, async (change, deployment) => {
      const number = request.toRevision ?? (await previousRevision(change, deployment));
      const revision = await change.manager.findOneBy(RevisionEntity, { deploymentId: deployment.id, number });
      if (!revision) throw new DomainError('NOT_FOUND', `"${deployment.name}" has no revision ${number}; it has 1 to ${deployment.generation}`, ['toRevision']);
      if (number === deployment.generation) throw new DomainError('INVALID', `revision ${number} is the current one; name an earlier one`, ['toRevision']);
      await this.expectReadyVersions(change, revision.spec, ['toRevision']);
      await revise(change, deployment, revision.spec, { action: 'rollback', reason: request.reason || `back to revision ${number}`, rollbackTo: number });
    });
  }

  /** Withdraws the route, drains and stops every replica, then frees the name. */
  async delete(actor: Actor, request: ChangeRequest): Promise<DeploymentEntity> {
    return this.change(actor, 'deleteDeployment', request, async (change, deployment) => {
      await change.manager.update(
        DeploymentEntity,
        { id: deployment.id },
        { deletionRequestedAt: change.now, updatedAt: change.now, phase: 'DELETING', scaledReplicas: null },
      );
      await change.manager.update(
        RolloutEntity,
        { deploymentId: deployment.id, state: 'PROGRESSING' },
        { state: 'SUPERSEDED', reason: 'the deployment was deleted', finishedAt: change.now },
      );
      await change.emit({
        topic: 'deployment',
        subjectId: deployment.id,
        projectId: deployment.projectId,
        type: 'DELETION_REQUESTED',
        payload: { phase: 'DELETING', generation: deployment.generation, message: request.reason || 'deletion was requested' },
      });
      await change.audit({
        action: 'deleteDeployment',
        objectType: 'Deployment',
        objectId: deployment.id,
        projectId: deployment.projectId,
        detail: { name: deployment.name, reason: request.reason },
      });
      change.wake(NOTIFICATION.RECONCILE);
    });
  }

  /**
   * What a scaling policy asks for; null gives the deployment back to its spec. The caller's transaction holds the decision
   * that goes with it. Answers whether anything changed.
   */
  async setScaledReplicas(change: Change, deploymentId: string, replicas: number | null): Promise<boolean> {
    const deployment = await change.manager.findOne(DeploymentEntity, { where: { id: deploymentId }, lock: { mode: 'pessimistic_write' } });
    if (!deployment || deployment.deletionRequestedAt || deployment.scaledReplicas === replicas) return false;
    await change.manager.update(DeploymentEntity, { id: deploymentId }, { scaledReplicas: replicas, updatedAt: change.now });
    const [from, to] = [deployment.scaledReplicas ?? deployment.spec.replicas, replicas ?? deployment.spec.replicas];
    await change.emit({
      topic: 'deployment',
      subjectId: deploymentId,
      projectId: deployment.projectId,
      type: 'SCALED',
      payload: { phase: deployment.phase, generation: deployment.generation, message: `replicas of each target: ${from} → ${to}` },
    });
    await change.audit({
      action: 'setScaledReplicas',
      objectType: 'Deployment',
      objectId: deploymentId,
      projectId: deployment.projectId,
      detail: { from, to },
    });
    change.wake(NOTIFICATION.RECONCILE);
    change.afterCommit(() => this.wake(deploymentId));
    return true;
  }

  /** undefined for names that nothing can have. */
  private named(ref: { readonly project: string; readonly name: string }): SelectQueryBuilder<DeploymentEntity> | undefined {
    if (!isName(ref.project) || !isModelName(ref.name)) return undefined;
    return this.work.manager.createQueryBuilder(DeploymentEntity, 'd').innerJoin('d.project', 'p').where('p.name = :project AND d.name = :name', ref);
  }

  private async change(
    actor: Actor,
    operation: string,
    request: ChangeRequest,
    work: (change: Change, deployment: DeploymentEntity) => Promise<void>,
  ): Promise<DeploymentEntity> {
    // With a key, by a name whose deployment is gone: a repeated deletion is told of the one that it deleted.
    const { id } = request.idempotencyKey == null ? await this.get(request.ref) : await this.getEvenDeleted(request.ref);
    await this.work.run(actor, (change) =>
      idempotent(change, { operation, key: request.idempotencyKey, input: request }, async () => {
        const deployment = await change.manager.findOneOrFail(DeploymentEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
        expectLive(deployment);
        checkGeneration(deployment, request.expectedGeneration);
        await work(change, deployment);
        change.afterCommit(() => this.wake(id));
        return id;
      }),
    );
    return readBack(() => this.get({ id }));
  }

  private async create(change: Change, project: ProjectEntity, { name, spec: wanted, reason, expectedGeneration }: DeployRequest): Promise<string> {
    if (expectedGeneration != null && expectedGeneration !== 0) {
      throw new DomainError(
        'CONFLICT',
        `expectedGeneration is ${expectedGeneration}, but deployment "${name}" does not exist; leave it out, or give 0, to create it`,
        ['expectedGeneration'],
      );
    }
    await expectOwnModelName(change.manager, project.name, name);
    const spec = changedSpec(undefined, wanted);
    await this.expectReadyVersions(change, spec);
    const deployment = change.manager.create(DeploymentEntity, {
      id: randomUUID(),
      projectId: project.id,
      name,
      generation: 0,
      spec,
      scaledReplicas: null,
      createdBy: change.actor,
      createdAt: change.now,
      updatedAt: change.now,
      deletionRequestedAt: null,
      observedGeneration: 0,
      phase: 'PENDING',
      conditions: [],
    });
    await change.manager.insert(DeploymentEntity, deployment as never);
    await revise(change, deployment, spec, { action: 'deploy', reason });
    change.afterCommit(() => this.wake(deployment.id));
    return deployment.id;
  }

  /** @param named where the caller named the whole spec, where not field by field */
  private async expectReadyVersions({ manager }: Change, spec: DeploymentSpec, named?: readonly string[]): Promise<void> {
    const ids = spec.targets.map((t) => t.versionId);
    const found = new Map((await this.versions.byIds(ids, manager)).map((v) => [v.id, v]));
    spec.targets.forEach(({ versionId }, i) => {
      const version = found.get(versionId);
      const field = named ?? ['targets', String(i)];
      if (!version) throw new DomainError('NOT_FOUND', 'this version does not exist', field);
      if (version.state === 'VALIDATING')
        throw new DomainError('FAILED_PRECONDITION', `version ${version.number} is still VALIDATING; deploy it once it is READY`, field);
      if (version.state === 'REJECTED') throw new DomainError('FAILED_PRECONDITION', `version ${version.number} was REJECTED: ${version.reason}`, field);
      if (spec.batching === 'ON' && version.rowIndependence?.verdict === 'FIXED')
        throw new DomainError(
          'FAILED_PRECONDITION',
          `batching is ON, but requests to version ${version.number} cannot be merged: ${version.rowIndependence.reason}; use AUTO or OFF`,
          named ?? ['batching'],
        );
    });
    checkNumbersDiffer(
      spec.targets.map(({ versionId }) => found.get(versionId)!.number),
      named,
    );
  }
}

function notFound(ref: DeploymentRef, field: readonly string[]): DomainError {
  return new DomainError('NOT_FOUND', 'id' in ref ? 'this deployment does not exist' : `project "${ref.project}" has no deployment "${ref.name}"`, field);
}
