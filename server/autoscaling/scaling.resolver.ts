import { Arg, Args, Ctx, FieldResolver, Mutation, Resolver, Root } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import type { NodeSource } from '../api/node.resolver.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import { readBack } from '../database/read-back.js';
import { loadDeployment } from '../deployments/deployment-loader.js';
import { toRef } from '../deployments/deployment-inputs.types.js';
import { toDeployment } from '../deployments/deployment.mappers.js';
import type { DeploymentService } from '../deployments/deployment.service.js';
import { DeploymentType } from '../deployments/deployment.types.js';
import { ScalingDecisionEntity, ScalingPolicyEntity } from './autoscaling.entities.js';
import type { ScalingPolicyService } from './scaling-policy.service.js';
import { toScalingDecision, toScalingPolicy } from './scaling.mappers.js';
import {
  DeleteScalingPolicyInput,
  ScalingDecisionConnection,
  ScalingDecisionType,
  ScalingPolicyPayload,
  ScalingPolicyType,
  SetScalingPolicyInput,
} from './scaling.types.js';

const LEDGER = { orderBy: 'at', direction: 'DESC' } as const;

@Resolver(() => ScalingPolicyType)
export class ScalingPolicyResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: ScalingPolicyService,
    private readonly deployments: DeploymentService,
  ) {}

  /** How `node(id)` finds policies and decisions. */
  get nodes(): NodeSource[] {
    return [
      { type: 'ScalingPolicy', load: async (ids) => inOrder(ids, await this.service.rows(ScalingPolicyEntity, ids), toScalingPolicy) },
      { type: 'ScalingDecision', load: async (ids) => inOrder(ids, await this.service.rows(ScalingDecisionEntity, ids), toScalingDecision) },
    ];
  }

  @Mutation(() => ScalingPolicyPayload, {
    description: "Creates or replaces a deployment's scaling policy. A number of replicas outside its limits is corrected at once.",
  })
  setScalingPolicy(
    @Arg('input', () => SetScalingPolicyInput, { description: 'The policy.' }) input: SetScalingPolicyInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<ScalingPolicyPayload> {
    return payload(async () => this.answer(await this.service.set(actor, { ...input, deployment: toRef(input.deployment, 'deployment'), input })));
  }

  @Mutation(() => ScalingPolicyPayload, {
    description: "Deletes a deployment's scaling policy. The deployment goes back to the `replicas` of its spec. Past decisions remain.",
  })
  deleteScalingPolicy(
    @Arg('input', () => DeleteScalingPolicyInput, { description: 'The deployment whose policy to delete.' }) input: DeleteScalingPolicyInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<ScalingPolicyPayload> {
    return payload(async () => this.answer(await this.service.delete(actor, toRef(input.deployment, 'deployment'), input.expectedGeneration)));
  }

  @FieldResolver(() => DeploymentType, { description: 'The deployment that it scales.' })
  async deployment(@Root() { deploymentRowId }: ScalingPolicyType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }

  @FieldResolver(() => ScalingDecisionConnection, { description: 'Its decisions, newest first.' })
  async decisions(@Root() { rowId }: ScalingPolicyType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<ScalingDecisionType>> {
    return toConnection(
      await pageBelow(context, this.dataSource.manager, ScalingDecisionEntity, args, { ...LEDGER, parent: 'policyId' }).load(rowId),
      toScalingDecision,
    );
  }

  private async answer(policy: ScalingPolicyEntity): Promise<{ scalingPolicy: ScalingPolicyType; deployment: DeploymentType }> {
    const deployment = await readBack(() => this.deployments.get({ id: policy.deploymentId }));
    return { scalingPolicy: toScalingPolicy(policy), deployment: toDeployment(deployment) };
  }
}

@Resolver(() => ScalingDecisionType)
export class ScalingDecisionResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => ScalingPolicyType, { description: 'The policy that it was made for, as it is now.' })
  async policy(@Root() { policyRowId }: ScalingDecisionType, @Ctx() context: ApiContext): Promise<ScalingPolicyType> {
    return toScalingPolicy((await rowsById(context, this.dataSource.manager, ScalingPolicyEntity).load(policyRowId))!);
  }

  @FieldResolver(() => DeploymentType, { description: 'The deployment that it was made for.' })
  async deployment(@Root() { deploymentRowId }: ScalingDecisionType, @Ctx() context: ApiContext): Promise<DeploymentType> {
    return loadDeployment(context, this.dataSource, deploymentRowId);
  }
}

/** The way back: from deployments to how they scale. */
@Resolver(() => DeploymentType)
export class DeploymentScalingResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: ScalingPolicyService,
  ) {}

  @FieldResolver(() => ScalingPolicyType, { nullable: true, description: 'The policy that adjusts its replicas to its load. Null if there is none.' })
  async scalingPolicy(@Root() { rowId }: DeploymentType, @Ctx() { loaders }: ApiContext): Promise<ScalingPolicyType | null> {
    const loader = loaders.of<string, ScalingPolicyEntity | undefined>('ScalingPolicyEntity.byDeployment', async (ids) => {
      const rows = await this.service.ofDeployments(ids);
      return ids.map((id) => rows.find((row) => row.deploymentId === id));
    });
    const row = await loader.load(rowId);
    return row ? toScalingPolicy(row) : null;
  }

  @FieldResolver(() => ScalingDecisionConnection, { description: 'All scaling decisions, newest first, including those of deleted policies.' })
  async scalingDecisions(
    @Root() { rowId }: DeploymentType,
    @Args() args: ConnectionArgs,
    @Ctx() context: ApiContext,
  ): Promise<Connection<ScalingDecisionType>> {
    return toConnection(
      await pageBelow(context, this.dataSource.manager, ScalingDecisionEntity, args, { ...LEDGER, parent: 'deploymentId' }).load(rowId),
      toScalingDecision,
    );
  }
}

function inOrder<E extends { id: string }, T>(ids: readonly string[], rows: readonly E[], map: (row: E) => T): (T | undefined)[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id)).map((row) => row && map(row));
}
