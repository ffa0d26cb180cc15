/** Inputs and payloads of the registry's mutations. */
import { Field, Float, InputType, Int, ObjectType } from 'type-graphql';
import { PayloadType } from '../api/conventions.types.js';
import { JsonObjectScalar, JsonScalar } from '../api/scalars.js';
import { LABEL_RULE, MODEL_NAME_RULE } from './names.js';
import { ModelType, ProjectType, VersionType } from './registry.types.js';

const PROJECT = { defaultValue: 'default', description: "The project's name." };
const DESCRIPTION = { defaultValue: '', description: 'For people, at most 10,000 characters.' };
const IDEMPOTENCY_KEY = { nullable: true, description: 'A repetition with the same key answers the same and makes nothing.' };
const EXPECTED_GENERATION = { nullable: true, description: 'The generation that the caller read. Another one is a CONFLICT.' };

@InputType({ description: 'Creates a project.' })
export class CreateProjectInput {
  @Field(() => String, { description: `${LABEL_RULE} No dot: \`vision.digits\` is the deployment \`digits\` of the project \`vision\`.` }) name!: string;
  @Field(() => String, DESCRIPTION) description!: string;
  @Field(() => String, IDEMPOTENCY_KEY) idempotencyKey?: string | null;
}

@InputType({ description: 'Changes a project.' })
export class UpdateProjectInput {
  @Field(() => String, { description: "The project's name." }) name!: string;
  @Field(() => String, { description: 'Takes the place of the description; at most 10,000 characters.' }) description!: string;
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
  @Field(() => String, { description: 'Takes the place of the description; at most 10,000 characters.' }) description!: string;
  @Field(() => Int, EXPECTED_GENERATION) expectedGeneration?: number | null;
}

@InputType({ description: 'A file of a version, whose bytes were uploaded before with `PUT /artifacts/<digest>`.' })
export class VersionFileInput {
  @Field(() => String, { description: 'Where it lies in the folder of the version: relative, with forward slashes, without "." and "..".' }) path!: string;
  @Field(() => String, { description: 'SHA-256 of the bytes, 64 lower-case hexadecimal digits.' }) digest!: string;
}

@InputType({ description: 'What a version was trained on.' })
export class DatasetInput {
  @Field(() => String, { description: 'Its name.' }) name!: string;
  @Field(() => String, { nullable: true, description: 'Where it is.' }) uri?: string | null;
  @Field(() => String, { nullable: true, description: 'Digest of the data that was used.' }) digest?: string | null;
  @Field(() => Float, { nullable: true, description: 'How many rows it has; a whole number.' }) rows?: number | null;
}

@InputType({ description: 'What made a version.' })
export class SourceInput {
  @Field(() => String, { description: 'The training code.' }) uri!: string;
  @Field(() => String, { nullable: true, description: 'Which revision of it.' }) revision?: string | null;
}

@InputType({ description: 'Where a version comes from. It is kept, never interpreted.' })
export class LineageInput {
  @Field(() => DatasetInput, { nullable: true, description: 'What it was trained on.' }) dataset?: DatasetInput | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'What it was trained with, by name; at most 64 KiB.' }) hyperparameters?: Record<
    string,
    unknown
  > | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'How good it was found to be: numbers by name.' }) metrics?: Record<string, number> | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Versions of the libraries that made it, as texts by name; at most 64 KiB.' })
  libraries?: Record<string, string> | null;
  @Field(() => SourceInput, { nullable: true, description: 'What made it.' }) source?: SourceInput | null;
}

@InputType({ description: 'One tensor of a sample request.' })
export class SampleTensorInput {
  @Field(() => String, { description: 'Name of the input.' }) name!: string;
  @Field(() => String, { description: 'Datatype by its Open Inference Protocol name: BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES.' })
  datatype!: string;
  @Field(() => [Int], { description: 'Dimensions, each 0 or more.' }) shape!: number[];
  @Field(() => JsonScalar, {
    description: 'A list of the elements, flat or nested, row by row. 64-bit integers beyond 2^53 are strings, and so are NaN and Infinity.',
  })
  data!: unknown[];
}

@InputType({ description: 'Creates a version of a model.' })
export class CreateVersionInput {
  @Field(() => String, PROJECT) project!: string;
  @Field(() => String, { description: "The model's name." }) model!: string;
  @Field(() => [VersionFileInput], { description: 'Its files, 1 to 1,000. A runtime finds exactly these beside one another.' }) files!: VersionFileInput[];
  @Field(() => String, { nullable: true, description: 'What kind of files they are; told from their names and contents where it is left out.' }) format?:
    string | null;
  @Field(() => String, DESCRIPTION) description!: string;
  @Field(() => Int, { nullable: true, description: 'Number of the version that it was made from; the one before, where it is left out.' }) parent?:
    number | null;
  @Field(() => LineageInput, { nullable: true, description: 'Where it comes from.' }) lineage?: LineageInput | null;
  @Field(() => [SampleTensorInput], {
    nullable: true,
    description:
      'A request that it can answer, one tensor for each input: validation and readiness probes send it. Where it is left out, requests of several sizes are made from the signature; a model that answers none of them is REJECTED and needs a sample.',
  })
  sample?: SampleTensorInput[] | null;
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
  @Field(() => VersionType, { nullable: true, description: 'The version, VALIDATING: `versionEvents` tells what becomes of it. Null when nothing was made.' })
  version?: VersionType | null;
}
