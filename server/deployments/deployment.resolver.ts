/** Queries and mutations of deployments. */
import { Arg, Args, Ctx, Mutation, Query, Resolver } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { ConnectionArgs, payload, toConnection, type Connection } from '../api/conventions.types.js';
import { expectNodeId } from '../api/node-id.js';
import { pageOf } from '../database/pagination.js';
import { readBack } from '../database/read-back.js';
import { DomainError } from '../errors.js';
import type { EventFeed } from '../events/event-feed.js';
import type { ProjectService } from '../registry/project.service.js';
import { checkText } from '../registry/texts.js';
import type { VersionService } from '../registry/version.service.js';
import { DeploymentEntity, RolloutEntity, type TargetSpec } from './deployment.entities.js';
import { DeleteDeploymentInput, DeployInput, DeploymentPayload, RollbackInput, ScaleInput, toRef, type TargetInput } from './deployment-inputs.types.js';
import { toDeployment, toRollout } from './deployment.mappers.js';
import type { DeploymentService } from './deployment.service.js';
import { DeploymentConnection, DeploymentPhaseEnum, DeploymentType } from './deployment.types.js';
import { isShadow } from './template.js';

const MAX_REASON = 1_000;

@Resolver(() => DeploymentType)
export class DeploymentResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: DeploymentService,
    private readonly projects: ProjectService,
    private readonly versions: VersionService,
  ) {}

  @Query(() => DeploymentConnection, { description: 'Deployments that are not DELETED, newest first.' })
  async deployments(
    @Args() args: ConnectionArgs,
    @Arg('project', () => String, { nullable: true, description: 'Only deployments of this project, by its name.' }) project?: string | null,
    @Arg('namePrefix', () => String, { nullable: true, description: 'Only deployments whose name begins with this text. Case counts.' })
    namePrefix?: string | null,
    @Arg('phase', () => DeploymentPhaseEnum, { nullable: true, description: 'Only deployments in this phase.' }) phase?: string | null,
  ): Promise<Connection<DeploymentType>> {
    const inProject = project == null ? undefined : await this.projects.expect(project);
    const page = await pageOf(this.dataSource.manager, DeploymentEntity, args, {
      orderBy: 'createdAt',
      direction: 'DESC',
      where: `phase <> 'DELETED' AND ($1::uuid IS NULL OR project_id = $1) AND starts_with(name, $2) AND ($3::text IS NULL OR phase = $3)`,
      parameters: [inProject?.id ?? null, namePrefix ?? '', phase ?? null],
    });
    return toConnection(page, toDeployment);
  }

  @Query(() => DeploymentType, { nullable: true, description: 'A deployment by its name. Null if there is none.' })
  async deployment(
    @Arg('name', () => String, { description: "The deployment's name." }) name: string,
    @Arg('project', () => String, { defaultValue: 'default', description: "The project's name." }) project: string,
  ): Promise<DeploymentType | null> {
    const row = await this.service.byName(project, name);
    return row ? toDeployment(row) : null;
  }

  @Mutation(() => DeploymentPayload, {
    description: 'Creates a deployment, or changes its spec. Returns at once; follow the change with `rollout` or `deploymentEvents`.',
  })
  async deploy(
    @Arg('input', () => DeployInput, { description: 'The wanted spec.' }) input: DeployInput,
    @Ctx() { actor, events }: ApiContext,
  ): Promise<DeploymentPayload> {
    return payload(async () => {
      const head = await events.head();
      const { project, name, targets, reason, expectedGeneration, idempotencyKey } = input;
      const { replicas, timeoutMs, maxConcurrency, maxQueue, batching, maxBatchSize, maxDelayMs, stickyHeader, threads } = input;
      const spec = {
        replicas,
        timeoutMs,
        maxConcurrency,
        maxQueue,
        batching,
        maxBatchSize,
        maxDelayMs,
        stickyHeader,
        threads,
        memoryLimitBytes: input.memoryLimitBytes == null ? input.memoryLimitBytes : toBytes(input.memoryLimitBytes),
        targets: targets ? await this.resolveTargets((await this.projects.expect(project)).name, targets) : undefined,
      };
      return this.answer(
        await this.service.deploy(actor, { project, name, spec, reason: checkReason(reason), expectedGeneration, idempotencyKey, input }),
        events,
        head,
      );
    });
  }

  @Mutation(() => DeploymentPayload, { description: 'Changes the number of replicas of each target.' })
  async scale(
    @Arg('input', () => ScaleInput, { description: 'The deployment, and the number of replicas.' }) input: ScaleInput,
    @Ctx() { actor, events }: ApiContext,
  ): Promise<DeploymentPayload> {
    const { replicas, expectedGeneration, idempotencyKey } = input;
    return payload(async () => {
      const head = await events.head();
      return this.answer(
        await this.service.scale(actor, {
          ref: toRef(input.deployment, 'deployment'),
          replicas,
          reason: checkReason(input.reason),
          expectedGeneration,
          idempotencyKey,
        }),
        events,
        head,
      );
    });
  }

  @Mutation(() => DeploymentPayload, { description: 'Creates a new revision with the spec of an earlier one.' })
  async rollback(
    @Arg('input', () => RollbackInput, { description: 'The deployment, and the revision to go back to.' }) input: RollbackInput,
    @Ctx() { actor, events }: ApiContext,
  ): Promise<DeploymentPayload> {
    const { toRevision, expectedGeneration, idempotencyKey } = input;
    return payload(async () => {
      const head = await events.head();
      return this.answer(
        await this.service.rollback(actor, {
          ref: toRef(input.deployment, 'deployment'),
          toRevision,
          reason: checkReason(input.reason),
          expectedGeneration,
          idempotencyKey,
        }),
        events,
        head,
      );
    });
  }

  @Mutation(() => DeploymentPayload, { description: 'Deletes a deployment: removes its route, drains and stops its replicas, then frees its name.' })
  async deleteDeployment(
    @Arg('input', () => DeleteDeploymentInput, { description: 'The deployment to delete.' }) input: DeleteDeploymentInput,
    @Ctx() { actor, events }: ApiContext,
  ): Promise<DeploymentPayload> {
    const { expectedGeneration, idempotencyKey } = input;
    return payload(async () => {
      const head = await events.head();
      return this.answer(
        await this.service.delete(actor, { ref: toRef(input.deployment, 'deployment'), reason: checkReason(input.reason), expectedGeneration, idempotencyKey }),
        events,
        head,
      );
    });
  }

  /** @param head of the feed before the call */
  private answer(row: DeploymentEntity, events: EventFeed, head: string): Promise<Omit<DeploymentPayload, 'userErrors'>> {
    return readBack(() => this.describe(row, events, head));
  }

  private async describe(row: DeploymentEntity, events: EventFeed, head: string): Promise<Omit<DeploymentPayload, 'userErrors'>> {
    const rollout = await this.dataSource.manager
      .createQueryBuilder(RolloutEntity, 'o')
      .innerJoin('o.revision', 'r')
      .where('o.deploymentId = :id AND r.number = :number', { id: row.id, number: row.generation })
      .getOne();
    // A repetition, or a change that changes nothing, waits for a rollout that began before it, and may be over.
    const began = { topic: 'deployment', subjectId: row.id, type: 'REVISION_CREATED', payload: { rolloutId: rollout?.id } } as const;
    const eventsAfter = rollout && row.phase !== 'DELETING' ? await events.before(head, began) : head;
    return { deployment: toDeployment(row), rollout: rollout ? toRollout(rollout) : null, eventsAfter };
  }

  private async resolveTargets(project: string, targets: readonly TargetInput[]): Promise<TargetSpec[]> {
    return Promise.all(
      targets.map(async (target, i) => {
        const versionId = await this.resolveVersion(project, target, ['targets', String(i)]);
        const { shadowPercent } = target;
        return { versionId, shadowPercent, weight: target.weight ?? (isShadow(target) ? 0 : 100) };
      }),
    );
  }

  private async resolveVersion(project: string, { versionId, model, version, alias }: TargetInput, field: string[]): Promise<string> {
    if ((versionId == null) === (model == null)) throw new DomainError('INVALID', 'name a version either by `versionId` or by `model` and `version`', field);
    if (versionId != null) return this.expectSameProject(project, expectNodeId('Version', versionId, ...field, 'versionId'), [...field, 'versionId']);
    if (version != null && alias != null) throw new DomainError('INVALID', 'name a version either by `version` or by `alias`', [...field, 'alias']);
    const [found, what, named] =
      version != null
        ? [await this.versions.byName(project, model!, version), `version ${version}`, 'version']
        : alias != null
          ? [await this.versions.byAlias(project, model!, alias), `alias "${alias.slice(0, 80)}"`, 'alias']
          : [await this.versions.latestReady(project, model!), 'READY version', 'model'];
    if (found) return found.id;
    throw new DomainError('NOT_FOUND', `model "${model}" has no ${what} in project "${project}"`, [...field, named]);
  }

  /** A project is a boundary: a version of another one is as good as absent. */
  private async expectSameProject(project: string, id: string, field: string[]): Promise<string> {
    const owner = await this.versions.projectNameOf(id);
    if (owner !== project) throw new DomainError('NOT_FOUND', `project "${project}" has no version with this id`, field);
    return id;
  }
}

function checkReason(reason: string): string {
  checkText(reason, ['reason'], MAX_REASON);
  return reason;
}

function toBytes(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new DomainError('INVALID', `memoryLimitBytes is "${text.slice(0, 40)}"; it must be a whole number of bytes, as text`, ['memoryLimitBytes']);
  return value;
}
