/** Projects, models, versions and artifacts as GraphQL shows them. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionType, NodeType } from '../api/conventions.types.js';
import { JsonObjectScalar, JsonScalar } from '../api/scalars.js';

export const VersionStateEnum = { VALIDATING: 'VALIDATING', READY: 'READY', REJECTED: 'REJECTED' } as const;
registerEnumType(VersionStateEnum, {
  name: 'VersionState',
  description: 'Whether a version can be deployed.',
  valuesConfig: {
    VALIDATING: { description: 'It is being loaded and asked once, in a process of its own. `reason` says why where this could not be done yet.' },
    READY: { description: 'It was loaded and answered a real inference: it can be deployed.' },
    REJECTED: { description: 'It could not be loaded, or did not answer; `reason` and `logTail` say why. It stays so.' },
  },
});

export const RowIndependenceVerdictEnum = {
  INDEPENDENT: 'INDEPENDENT',
  ROUNDING: 'ROUNDING',
  DEPENDENT: 'DEPENDENT',
  FIXED: 'FIXED',
  UNKNOWN: 'UNKNOWN',
} as const;
registerEnumType(RowIndependenceVerdictEnum, {
  name: 'RowIndependenceVerdict',
  description: "Whether a row's answer depends on the rows beside it: what decides whether requests may be merged into one inference.",
  valuesConfig: {
    INDEPENDENT: { description: 'Every row gave the same bits alone, in batches and beside large neighbours. `batching: AUTO` merges.' },
    ROUNDING: {
      description:
        'Rows differed by rounding only, within 1e-5 of the largest value of their output (1e-3 for FP16): a library that sums in another order at some batch sizes. Merged where the spec says ON.',
    },
    DEPENDENT: { description: 'A row was answered otherwise beside others than alone. Merged only where the spec says ON.' },
    FIXED: { description: 'There is no batch dimension: an input or output does not begin with a dimension of rows. Never merged.' },
    UNKNOWN: { description: 'It could not be found out; the reason says why. Merged only where the spec says ON.' },
  },
});

@ObjectType('RowIndependence', { description: 'What validation found when it sent the rows of the sample alone, together, and beside large neighbours.' })
export class RowIndependenceType {
  @Field(() => RowIndependenceVerdictEnum, { description: 'What was found.' }) verdict!: keyof typeof RowIndependenceVerdictEnum;
  @Field(() => String, { description: 'What it rests on: what was compared, or where a difference was seen.' }) reason!: string;
}

@ObjectType('Backend', { description: 'What a model computes with.' })
export class BackendType {
  @Field(() => String, { description: 'As the runtime plugin calls it: `cpu`, `wasm`, `tensorflow`...' }) name!: string;
  @Field(() => String, {
    nullable: true,
    description: 'Name and version of the library behind it when the version was validated; null where the plugin does not say.',
  })
  library!: string | null;
}

@ObjectType('Project', { implements: NodeType, description: 'The tenancy boundary: everything below belongs to one project.' })
export class ProjectType extends NodeType {
  @Field(() => String, { description: 'Unique.' }) name!: string;
  @Field(() => String, { description: 'What it is for; may be empty.' }) description!: string;
  @Field(() => Int, { description: 'Counts its changes. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  /** Row ids, for field resolvers, here and in later features. */
  rowId!: string;
}
export const ProjectConnection = connectionType('Project', () => ProjectType);

@ObjectType('Model', { implements: NodeType, description: 'A named line of versions in a project.' })
export class ModelType extends NodeType {
  @Field(() => String, { description: 'Unique in its project.' }) name!: string;
  @Field(() => String, { description: 'What it does; may be empty.' }) description!: string;
  @Field(() => Int, { description: 'Counts its changes; new versions do not count. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  rowId!: string;
  projectRowId!: string;
}
export const ModelConnection = connectionType('Model', () => ModelType);

@ObjectType('Artifact', {
  implements: NodeType,
  description: 'A file, stored once under the SHA-256 of its bytes. `PUT /artifacts/<digest>` stores it, `GET` reads it.',
})
export class ArtifactType extends NodeType {
  @Field(() => String, { description: 'SHA-256 of the bytes, 64 lower-case hexadecimal digits.' }) digest!: string;
  @Field(() => String, { description: 'Its size, as a 64-bit integer.' }) sizeBytes!: string;
  @Field(() => String, { description: 'Who uploaded it first.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was uploaded first.' }) createdAt!: Date;
}

@ObjectType('VersionFile', { description: 'A file of a version.' })
export class VersionFileType {
  @Field(() => String, { description: 'Where it lies in the folder of the version: relative, with forward slashes.' }) path!: string;
  @Field(() => String, { description: 'SHA-256 of the bytes: the digest of its artifact.' }) digest!: string;
  @Field(() => String, { description: 'Its size, as a 64-bit integer.' }) sizeBytes!: string;
}

@ObjectType('TensorSpec', { description: 'What a model says of one input or output.' })
export class TensorSpecType {
  @Field(() => String, { description: 'Its name in requests and answers.' }) name!: string;
  @Field(() => String, { description: 'Datatype by its Open Inference Protocol name: BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES.' })
  datatype!: string;
  @Field(() => [Int], { nullable: true, description: 'Dimensions; -1 may be any size. null where the model does not say how many dimensions there are.' })
  shape!: readonly number[] | null;
  @Field(() => Boolean, { description: 'Whether a request may leave it out, because the model has a default for it. Always false for an output.' })
  optional!: boolean;
}

@ObjectType('Signature', { description: 'What a model takes and gives, in its own order.' })
export class SignatureType {
  @Field(() => [TensorSpecType], { description: 'What it takes: in every request all of them that are not optional.' }) inputs!: readonly TensorSpecType[];
  @Field(() => [TensorSpecType], { description: 'What it gives; a request may ask for some of them only.' }) outputs!: readonly TensorSpecType[];
}

@ObjectType('Dataset', { description: 'What a version was trained on, as its author says.' })
export class DatasetType {
  @Field(() => String, { description: 'Its name.' }) name!: string;
  @Field(() => String, { nullable: true, description: 'Where it is.' }) uri?: string | null;
  @Field(() => String, { nullable: true, description: 'Digest of the data that was used.' }) digest?: string | null;
  @Field(() => Float, { nullable: true, description: 'How many rows it has; a whole number.' }) rows?: number | null;
}

@ObjectType('Source', { description: 'What made a version, as its author says.' })
export class SourceType {
  @Field(() => String, { description: 'The training code.' }) uri!: string;
  @Field(() => String, { nullable: true, description: 'Which revision of it.' }) revision?: string | null;
}

@ObjectType('Lineage', { description: 'Where a version comes from, as its author says. It is kept, never interpreted.' })
export class LineageType {
  @Field(() => DatasetType, { nullable: true, description: 'What it was trained on.' }) dataset?: DatasetType | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'What it was trained with, by name.' }) hyperparameters?: Readonly<
    Record<string, unknown>
  > | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'How good it was found to be: numbers by name.' }) metrics?: Readonly<
    Record<string, number>
  > | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Versions of the libraries that made it, as texts by name.' }) libraries?: Readonly<
    Record<string, string>
  > | null;
  @Field(() => SourceType, { nullable: true, description: 'What made it.' }) source?: SourceType | null;
}

@ObjectType('SampleTensor', { description: 'One tensor of a sample request.' })
export class SampleTensorType {
  @Field(() => String, { description: 'Name of the input.' }) name!: string;
  @Field(() => String, { description: 'Datatype by its Open Inference Protocol name.' }) datatype!: string;
  @Field(() => [Int], { description: 'Dimensions.' }) shape!: readonly number[];
  @Field(() => JsonScalar, { description: 'The elements, flat or nested, row by row. 64-bit integers beyond 2^53 are strings, and so are NaN and Infinity.' })
  data!: readonly unknown[];
}

@ObjectType('Version', { implements: NodeType, description: 'An immutable version of a model.' })
export class VersionType extends NodeType {
  @Field(() => Int, { description: 'Its number in the model, from 1 on without a gap.' }) number!: number;
  @Field(() => VersionStateEnum, { description: 'Whether it can be deployed.' }) state!: keyof typeof VersionStateEnum;
  @Field(() => String, { nullable: true, description: "Why it was REJECTED, in the runtime's own words; while VALIDATING, why validation could not run yet." })
  reason!: string | null;
  @Field(() => String, { nullable: true, description: 'The last lines that validation logged, where it was REJECTED.' }) logTail!: string | null;
  @Field(() => String, { description: 'What its author says of it; may be empty.' }) description!: string;
  @Field(() => String, { description: 'What kind of files it consists of.' }) format!: string;
  @Field(() => String, { description: 'The runtime plugin that loads it.' }) runtime!: string;
  @Field(() => String, { description: 'SHA-256 over the format and all paths and digests: equal for equal files.' }) digest!: string;
  @Field(() => SignatureType, { nullable: true, description: 'What it takes and gives, read from the model; null unless READY.' })
  signature!: SignatureType | null;
  @Field(() => RowIndependenceType, { nullable: true, description: "Whether a row's answer depends on the rows beside it; null unless READY." })
  rowIndependence!: RowIndependenceType | null;
  @Field(() => BackendType, {
    nullable: true,
    description:
      'What computed in validation. Replicas use the same backend and no other: one that is not available is why they fail. null unless READY, and for versions that were validated before Pilothouse recorded it, whose replicas use the fastest backend there is.',
  })
  backend!: BackendType | null;
  @Field(() => LineageType, { description: 'Where it comes from.' }) lineage!: LineageType;
  @Field(() => [SampleTensorType], {
    nullable: true,
    description: 'The request that validation and readiness probes send; null where it is made from the signature.',
  })
  sample!: readonly SampleTensorType[] | null;
  @Field(() => String, { nullable: true, description: 'Memory of the validating process after its inference, as a 64-bit integer; null unless READY.' })
  memoryBytes!: string | null;
  @Field(() => Float, { nullable: true, description: 'How long loading took in validation; null unless READY.' }) loadMs!: number | null;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it became READY or REJECTED.' }) validatedAt!: Date | null;
  rowId!: string;
  modelRowId!: string;
  parentRowId!: string | null;
}
export const VersionConnection = connectionType('Version', () => VersionType);
