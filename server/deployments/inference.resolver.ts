/** The `infer` mutation. */
import { Arg, Field, InputType, Int, Mutation, ObjectType, Resolver } from 'type-graphql';
import type { DataSource } from 'typeorm';
import { payload, PayloadType } from '../api/conventions.types.js';
import { JsonScalar } from '../api/scalars.js';
import { DomainError } from '../errors.js';
import { isModelName, isName } from '../registry/names.js';
import { projectRow } from '../registry/registry-rows.js';
import { DeploymentRefInput, toRef } from './deployment-inputs.types.js';
import type { DeploymentService } from './deployment.service.js';
import type { InferenceService } from './inference.service.js';
import { isAmbiguous, modelNameOf } from './endpoint-names.js';

@InputType({ description: 'An input tensor.' })
export class TensorInput {
  @Field(() => String, { description: "The input's name in the signature." }) name!: string;
  @Field(() => [Int], { description: 'Its dimensions. Empty for a scalar.' }) shape!: number[];
  @Field(() => String, { description: 'Its datatype by its Open Inference Protocol name, such as `FP32`.' }) datatype!: string;
  @Field(() => JsonScalar, {
    description: 'Its elements, flat or nested, in row-major order. 64-bit integers may be strings; `"NaN"`, `"Infinity"` and `"-Infinity"` must be.',
  })
  data!: unknown;
}

@InputType({ description: 'An inference request to a deployment.' })
export class InferInput {
  @Field(() => DeploymentRefInput, { description: 'Which deployment.' }) deployment!: DeploymentRefInput;
  @Field(() => [TensorInput], { description: 'One tensor for each input of the signature.' }) inputs!: TensorInput[];
  @Field(() => [String], { nullable: true, description: 'Names of the outputs to return. All outputs if left out.' }) outputs?: string[] | null;
}

@ObjectType('Tensor', { description: 'An output tensor.' })
export class TensorType {
  @Field(() => String, { description: "The output's name in the signature." }) name!: string;
  @Field(() => [Int], { description: 'Its dimensions. Empty for a scalar.' }) shape!: readonly number[];
  @Field(() => String, { description: 'Its datatype by its Open Inference Protocol name.' }) datatype!: string;
  @Field(() => JsonScalar, { description: 'Its elements, flat and in row-major order. 64-bit integers, NaN and Infinity are strings.' })
  data!: readonly unknown[];
}

@ObjectType('InferPayload', { description: 'The answer of a model.' })
export class InferPayload extends PayloadType {
  @Field(() => [TensorType], { nullable: true, description: 'The outputs. Null if there is no answer.' }) outputs?: readonly TensorType[] | null;
  @Field(() => Int, { nullable: true, description: 'Number of the version that answered.' }) versionNumber?: number | null;
}

@Resolver()
export class InferenceResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly deployments: DeploymentService,
    private readonly inference: InferenceService,
  ) {}

  @Mutation(() => InferPayload, { description: 'Sends an inference request to a deployment, through the gateway like any other client.' })
  async infer(@Arg('input', () => InferInput, { description: 'The request.' }) input: InferInput): Promise<InferPayload> {
    return payload(async () => {
      const { inputs, outputs } = input;
      const answer = await this.inference.infer({ model: await this.modelName(input), inputs, outputs });
      return { outputs: answer.outputs, versionNumber: answer.version };
    });
  }

  /** Most names need no look-up: the gateway knows best what it serves. */
  private async modelName({ deployment }: InferInput): Promise<string> {
    const ref = toRef(deployment, 'deployment');
    if ('name' in ref) {
      const { project, name } = ref;
      const model = modelNameOf(project, name);
      // Where the project or the deployment does not exist, the gateway may serve another project's deployment by that name.
      const look = isAmbiguous(project, name) && isName(project) && isModelName(name);
      if (look && !(await this.deployments.find(ref)))
        throw new DomainError('NOT_FOUND', `model "${model}" is unknown: project "${project}" has no deployment "${name}"`, ['deployment']);
      return model;
    }
    const row = await this.deployments.get(ref);
    const project = await projectRow(this.dataSource.manager, row.projectId);
    return modelNameOf(project.name, row.name);
  }
}
