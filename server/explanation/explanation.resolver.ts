import { Arg, Query, Resolver } from 'type-graphql';
import { DeploymentRefInput, toRef } from '../deployments/deployment-inputs.types.js';
import { toDeployment } from '../deployments/deployment.mappers.js';
import type { ExplanationService } from './explanation.service.js';
import { WhyType } from './explanation.types.js';
import { explain, replicasReason } from './wording.js';

@Resolver()
export class ExplanationResolver {
  constructor(private readonly service: ExplanationService) {}

  @Query(() => WhyType, {
    description: 'Explains a deployment: what it serves, since when, who changed it, why it has this number of replicas, and what is wrong.',
  })
  async why(@Arg('deployment', () => DeploymentRefInput, { description: 'Which deployment.' }) deployment: DeploymentRefInput): Promise<WhyType> {
    const facts = await this.service.why(toRef(deployment, 'deployment'));
    return { ...facts, deployment: toDeployment(facts.deployment), replicasReason: replicasReason(facts), lines: explain(facts) };
  }
}
