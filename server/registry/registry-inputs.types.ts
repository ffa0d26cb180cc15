/** Inputs and payloads of the registry's mutations. */
import { Field, Float, InputType, Int, ObjectType } from 'type-graphql';
import { PayloadType } from '../api/conventions.types.js';
import { JsonObjectScalar, JsonScalar } from '../api/scalars.js';
import { LABEL_RULE, MODEL_NAME_RULE } from './names.js';
import { ModelType, ProjectType, VersionType } from './registry.types.js';

const PROJECT = { defaultValue: 'default', description: "The project's name." };
const DESCRIPTION = { defaultValue: '', description: 'Text for people, at most 10,000 characters.' };
const IDEMPOTENCY_KEY = { nullable: true, description: 'A repeated call with the same key returns the same answer and creates nothing.' };
const EXPECTED_GENERATION = { nullable: true, description: 'The generation that the caller read. Any other current generation gives CONFLICT.' };

@InputType({ description: 'Creates a project.' })
export class CreateProjectInput {
  @Field(() => String, { description: `${LABEL_RULE} No dot: \`vision.digits\` is the deployment \`digits\` of the project \`vision\`.` }) name!: string;
  @Field(() => String, DESCRIPTION) description!: string;
  @Field(() => String, IDEMPOTENCY_KEY) idempotencyKey?: string | null;
}

@InputType({ description: 'Changes a project.' })
export class UpdateProjectInput {
  @Field(() => String, { description: "The project's name." }) name!: string;
  @Field(() => String, { description: 'The new description, at most 10,000 characters.' }) description!: string;
  @Field(() => Int, EXPECTED_GENERATION) expectedGeneration?: number | null;
}

@InputType({ description: 'Creates a model.' })
export class CreateModelInput {
  @Field(() => String, PROJECT) project!: string;
  @Field(() => String, { description: MODEL_NAME_RULE }) name!: string;
  @Field(() => String, DESCRIPTION) description!: string;
  @Field(() => String, IDEMPOTENCY_KEY) idempotencyKey?: string | null;
}

@InputType({ description: 'Changes a model.' })
export class UpdateModelInput {
  @Field(() => String, PROJECT) project!: string;
  @Field(() => String, { description: "The model's name." }) name!: string;
  @Field(() => String, { description: 'The new description, at most 10,000 characters.' }) description!: string;
  @Field(() => Int, EXPECTED_GENERATION) expectedGeneration?: number | null;
}

@InputType({ description: 'A file of a version. Upload its bytes first, with `PUT /artifacts/<digest>`.' })
export class VersionFileInput {
  @Field(() => String, { description: 'Path in the folder of the version, relative, with forward slashes, without "." and "..".' }) path!: string;
  @Field(() => String, { description: 'SHA-256 of the bytes, 64 lower-case hexadecimal digits.' }) digest!: string;
}

@InputType({ description: 'The data that a version was trained on.' })
export class DatasetInput {
  @Field(() => String, { description: 'Its name.' }) name!: string;
  @Field(() => String, { nullable: true, description: 'Its location, as a URI.' }) uri?: string | null;
  @Field(() => String, { nullable: true, description: 'Digest of the data that was used.' }) digest?: string | null;
  @Field(() => Float, { nullable: true, description: 'Number of its rows, a whole number.' }) rows?: number | null;
}

@InputType({ description: 'Training code of a version.' })
export class SourceInput {
  @Field(() => String, { description: 'Location of the training code, as a URI.' }) uri!: string;
  @Field(() => String, { nullable: true, description: 'Revision of the training code, such as a commit.' }) revision?: string | null;
}

@InputType({ description: 'How a version was made. Pilothouse stores it and does not interpret it.' })
export class LineageInput {
  @Field(() => DatasetInput, { nullable: true, description: 'The training data.' }) dataset?: DatasetInput | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Hyperparameters of the training, by name, at most 64 KiB.' }) hyperparameters?: Record<
    string,
    unknown
  > | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Metrics of the trained model, such as its accuracy: numbers by name.' }) metrics?: Record<
    string,
    number
  > | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Versions of the libraries used in the training, by library name, at most 64 KiB.' })
  libraries?: Record<string, string> | null;
  @Field(() => SourceInput, { nullable: true, description: 'The training code.' }) source?: SourceInput | null;
}

@InputType({ description: 'One tensor of a sample request.' })
export class SampleTensorInput {
  @Field(() => String, { description: 'Name of the input.' }) name!: string;
  @Field(() => String, { description: 'Datatype by its Open Inference Protocol name: BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES.' })
  datatype!: string;
  @Field(() => [Int], { description: 'Dimensions, each 0 or more.' }) shape!: number[];
  @Field(() => JsonScalar, {
    description: 'The elements, flat or nested, row by row. 64-bit integers beyond 2^53, NaN and Infinity are strings.',
  })
  data!: unknown[];
}

@InputType({ description: 'What the author of a model says of one input or output.' })
export class TensorSpecInput {
  @Field(() => String, { description: 'Its name in requests and answers.' }) name!: string;
  @Field(() => String, { description: 'Datatype by its Open Inference Protocol name: BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES.' })
  datatype!: string;
  @Field(() => [Int], { nullable: true, description: 'Dimensions; -1 may be any size. Left out: any number of dimensions.' }) shape?: number[] | null;
  @Field(() => Boolean, { defaultValue: false, description: 'Of an input: whether a request may leave it out.' }) optional!: boolean;
}

@InputType({ description: 'What a model takes and gives, as its author says.' })
export class SignatureInput {
  @Field(() => [TensorSpecInput], { description: 'What it takes, in order.' }) inputs!: TensorSpecInput[];
  @Field(() => [TensorSpecInput], { description: 'What it gives, in order.' }) outputs!: TensorSpecInput[];
}

@InputType({ description: 'Creates a version of a model.' })
export class CreateVersionInput {
  @Field(() => String, PROJECT) project!: string;
  @Field(() => String, { description: "The model's name." }) model!: string;
  @Field(() => [VersionFileInput], { description: 'Its files, 1 to 1,000. The runtime gets a folder with exactly these files.' }) files!: VersionFileInput[];
  @Field(() => String, { nullable: true, description: 'Format of the files. Detected from their names and contents if left out.' }) format?: string | null;
  @Field(() => String, DESCRIPTION) description!: string;
  @Field(() => Int, { nullable: true, description: 'Number of the version that it was made from. The previous version if left out.' }) parent?: number | null;
  @Field(() => LineageInput, { nullable: true, description: 'How it was made: data, hyperparameters, metrics, code.' }) lineage?: LineageInput | null;
  @Field(() => [SampleTensorInput], {
    nullable: true,
    description:
      'A request that the model can answer, one tensor for each input. Validation and readiness probes send it. If left out, requests of several sizes are made from the signature; a model that answers none of them is REJECTED and needs a sample.',
  })
  sample?: SampleTensorInput[] | null;
  @Field(() => JsonObjectScalar, {
    nullable: true,
    description: 'Options for the runtime that loads it, by name; at most 64 KiB. The runtime says which it takes. They never change.',
  })
  runtimeOptions?: Record<string, unknown> | null;
  @Field(() => SignatureInput, {
    nullable: true,
    description: 'What it takes and gives, for files that do not say it themselves. A model that contradicts it is REJECTED.',
  })
  signature?: SignatureInput | null;
  @Field(() => String, IDEMPOTENCY_KEY) idempotencyKey?: string | null;
}

@ObjectType('ProjectPayload', { description: 'What a mutation made of a project.' })
export class ProjectPayload extends PayloadType {
  @Field(() => ProjectType, { nullable: true, description: 'The project as it is now; null when nothing was changed.' }) project?: ProjectType | null;
}

@ObjectType('ModelPayload', { description: 'What a mutation made of a model.' })
export class ModelPayload extends PayloadType {
  @Field(() => ModelType, { nullable: true, description: 'The model as it is now; null when nothing was changed.' }) model?: ModelType | null;
}

@ObjectType('VersionPayload', { description: 'What a mutation made of a version.' })
export class VersionPayload extends PayloadType {
  @Field(() => VersionType, {
    nullable: true,
    description: 'The version, in the state VALIDATING; follow it with `versionEvents`. Null if nothing was created.',
  })
  version?: VersionType | null;
}
