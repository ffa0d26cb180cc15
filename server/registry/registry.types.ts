/** Projects, models, versions and artifacts as GraphQL shows them. */
import { Field, Float, GraphQLISODateTime, Int, ObjectType, registerEnumType } from 'type-graphql';
import { connectionType, NodeType } from '../api/conventions.types.js';
import { JsonObjectScalar, JsonScalar } from '../api/scalars.js';

export const VersionStateEnum = { VALIDATING: 'VALIDATING', READY: 'READY', REJECTED: 'REJECTED' } as const;
registerEnumType(VersionStateEnum, {
  name: 'VersionState',
  description: 'Whether a version can be deployed.',
  valuesConfig: {
    VALIDATING: { description: 'It is loaded and sent one request, in a separate process. If this could not run yet, `reason` says why.' },
    READY: { description: 'It loaded and answered a real inference. It can be deployed.' },
    REJECTED: { description: 'It did not load, or did not answer. `reason` and `logTail` say why. This is final.' },
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
  description: 'Whether the answer to a row depends on other rows in the same batch. This decides whether requests may be merged into one inference.',
  valuesConfig: {
    INDEPENDENT: { description: 'Every row gave the same bits alone, in batches and beside rows with large values. Merged with `batching: AUTO`.' },
    ROUNDING: {
      description:
        'Answers differed only by rounding, within 1e-5 of the largest value of their output (1e-3 for FP16), because the library sums in another order at some batch sizes. Merged only with `batching: ON`.',
    },
    DEPENDENT: { description: 'The answer to a row changed in a batch. Merged only with `batching: ON`.' },
    FIXED: { description: 'An input or output has no batch dimension in front. Never merged.' },
    UNKNOWN: { description: 'It could not be determined; `reason` says why. Merged only with `batching: ON`.' },
  },
});

@ObjectType('RowIndependence', {
  description: 'What validation found when it sent the rows of the sample alone, in batches, and beside rows with large values.',
})
export class RowIndependenceType {
  @Field(() => RowIndependenceVerdictEnum, { description: 'The verdict.' }) verdict!: keyof typeof RowIndependenceVerdictEnum;
  @Field(() => String, { description: 'What was compared, or where a difference was found.' }) reason!: string;
}

@ObjectType('Backend', { description: 'The backend that runs a model.' })
export class BackendType {
  @Field(() => String, { description: 'Its name in the runtime plugin, such as `cpu`, `wasm` or `tensorflow`.' }) name!: string;
  @Field(() => String, {
    nullable: true,
    description: 'Name and version of its library when the version was validated. Null if the plugin does not report it.',
  })
  library!: string | null;
}

@ObjectType('Project', { implements: NodeType, description: 'A project: its models, deployments and monitors belong to it alone.' })
export class ProjectType extends NodeType {
  @Field(() => String, { description: 'Unique name.' }) name!: string;
  @Field(() => String, { description: 'Purpose of the project. May be empty.' }) description!: string;
  @Field(() => Int, { description: 'Counts its changes. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  /** Row ids, for field resolvers, here and in later features. */
  rowId!: string;
}
export const ProjectConnection = connectionType('Project', () => ProjectType);

@ObjectType('Model', { implements: NodeType, description: 'A named series of versions in a project.' })
export class ModelType extends NodeType {
  @Field(() => String, { description: 'Name, unique in the project.' }) name!: string;
  @Field(() => String, { description: 'What the model does. May be empty.' }) description!: string;
  @Field(() => Int, { description: 'Counts the changes of the model itself, not its new versions. Give it back as `expectedGeneration`.' }) generation!: number;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  rowId!: string;
  projectRowId!: string;
}
export const ModelConnection = connectionType('Model', () => ModelType);

@ObjectType('Artifact', {
  implements: NodeType,
  description: 'A file, stored once under the SHA-256 of its bytes. `PUT /artifacts/<digest>` uploads it, `GET` downloads it.',
})
export class ArtifactType extends NodeType {
  @Field(() => String, { description: 'SHA-256 of the bytes, 64 lower-case hexadecimal digits.' }) digest!: string;
  @Field(() => String, { description: 'Its size, as a 64-bit integer.' }) sizeBytes!: string;
  @Field(() => String, { description: 'Who first uploaded it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was first uploaded.' }) createdAt!: Date;
}

@ObjectType('VersionFile', { description: 'A file of a version.' })
export class VersionFileType {
  @Field(() => String, { description: 'Path in the folder of the version, relative, with forward slashes.' }) path!: string;
  @Field(() => String, { description: 'SHA-256 of the bytes: the digest of its artifact.' }) digest!: string;
  @Field(() => String, { description: 'Its size, as a 64-bit integer.' }) sizeBytes!: string;
}

@ObjectType('TensorSpec', { description: 'Description of one input or output of a model.' })
export class TensorSpecType {
  @Field(() => String, { description: 'Its name in requests and answers.' }) name!: string;
  @Field(() => String, { description: 'Datatype by its Open Inference Protocol name: BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES.' })
  datatype!: string;
  @Field(() => [Int], { nullable: true, description: 'Dimensions; -1 means any size. Null if the model does not say how many dimensions there are.' })
  shape!: readonly number[] | null;
  @Field(() => Boolean, { description: 'Whether a request may omit it, because the model has a default. Always false for an output.' })
  optional!: boolean;
}

@ObjectType('Signature', { description: "Inputs and outputs of a model, in the model's order." })
export class SignatureType {
  @Field(() => [TensorSpecType], { description: 'Inputs. A request must have all that are not optional.' }) inputs!: readonly TensorSpecType[];
  @Field(() => [TensorSpecType], { description: 'Outputs. A request may ask for some of them only.' }) outputs!: readonly TensorSpecType[];
}

@ObjectType('Dataset', { description: 'The data that a version was trained on, as given by its author.' })
export class DatasetType {
  @Field(() => String, { description: 'Its name.' }) name!: string;
  @Field(() => String, { nullable: true, description: 'Its location, as a URI.' }) uri?: string | null;
  @Field(() => String, { nullable: true, description: 'Digest of the data that was used.' }) digest?: string | null;
  @Field(() => Float, { nullable: true, description: 'Number of its rows, a whole number.' }) rows?: number | null;
}

@ObjectType('Source', { description: 'Training code of a version, as given by its author.' })
export class SourceType {
  @Field(() => String, { description: 'Location of the training code, as a URI.' }) uri!: string;
  @Field(() => String, { nullable: true, description: 'Revision of the training code, such as a commit.' }) revision?: string | null;
}

@ObjectType('Lineage', { description: 'How a version was made, as given by its author. Pilothouse stores it and does not interpret it.' })
export class LineageType {
  @Field(() => DatasetType, { nullable: true, description: 'The training data.' }) dataset?: DatasetType | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Hyperparameters of the training, by name.' }) hyperparameters?: Readonly<
    Record<string, unknown>
  > | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Metrics of the trained model, such as its accuracy: numbers by name.' }) metrics?: Readonly<
    Record<string, number>
  > | null;
  @Field(() => JsonObjectScalar, { nullable: true, description: 'Versions of the libraries used in the training, by library name.' }) libraries?: Readonly<
    Record<string, string>
  > | null;
  @Field(() => SourceType, { nullable: true, description: 'The training code.' }) source?: SourceType | null;
}

@ObjectType('SampleTensor', { description: 'One tensor of a sample request.' })
export class SampleTensorType {
  @Field(() => String, { description: 'Name of the input.' }) name!: string;
  @Field(() => String, { description: 'Datatype by its Open Inference Protocol name.' }) datatype!: string;
  @Field(() => [Int], { description: 'Dimensions.' }) shape!: readonly number[];
  @Field(() => JsonScalar, { description: 'The elements, flat or nested, row by row. 64-bit integers beyond 2^53, NaN and Infinity are strings.' })
  data!: readonly unknown[];
}

@ObjectType('Version', { implements: NodeType, description: 'An immutable version of a model.' })
export class VersionType extends NodeType {
  @Field(() => Int, { description: 'Its number in the model, from 1, without gaps.' }) number!: number;
  @Field(() => VersionStateEnum, { description: 'Whether it can be deployed.' }) state!: keyof typeof VersionStateEnum;
  @Field(() => String, {
    nullable: true,
    description: "Why it was REJECTED, with the runtime's own message. While VALIDATING: why validation could not run yet.",
  })
  reason!: string | null;
  @Field(() => String, { nullable: true, description: "The last lines of the validation's log. Null unless REJECTED." }) logTail!: string | null;
  @Field(() => String, { description: "Its author's description. May be empty." }) description!: string;
  @Field(() => String, { description: 'Format of its files.' }) format!: string;
  @Field(() => String, { description: 'The runtime plugin that loads it.' }) runtime!: string;
  @Field(() => String, {
    description:
      'SHA-256 over the format, all paths and digests, runtimeOptions and declaredSignature. Versions that load the same files the same way have equal digests.',
  })
  digest!: string;
  @Field(() => SignatureType, { nullable: true, description: 'Its inputs and outputs, read from the model. Null unless READY.' })
  signature!: SignatureType | null;
  @Field(() => SignatureType, { nullable: true, description: 'The inputs and outputs that its author declared. Null where nothing was declared.' })
  declaredSignature!: SignatureType | null;
  @Field(() => JsonObjectScalar, { description: 'Options for its runtime, with the defaults of the runtime when the version was created. They never change.' })
  runtimeOptions!: Readonly<Record<string, unknown>>;
  @Field(() => RowIndependenceType, { nullable: true, description: 'Whether the answer to a row depends on other rows in the batch. Null unless READY.' })
  rowIndependence!: RowIndependenceType | null;
  @Field(() => BackendType, {
    nullable: true,
    description:
      'The backend that validated the version. Replicas use only this backend, and fail if it is not available. Null unless READY, and for versions validated before Pilothouse recorded it; replicas of those use the fastest available backend.',
  })
  backend!: BackendType | null;
  @Field(() => LineageType, { description: 'How it was made: data, hyperparameters, metrics, code.' }) lineage!: LineageType;
  @Field(() => [SampleTensorType], {
    nullable: true,
    description: 'The request that validation and readiness probes send. Null if it is made from the signature.',
  })
  sample!: readonly SampleTensorType[] | null;
  @Field(() => String, { nullable: true, description: 'Memory of the validating process after its inference, as a 64-bit integer. Null unless READY.' })
  memoryBytes!: string | null;
  @Field(() => Float, { nullable: true, description: 'How long loading took in validation. Null unless READY.' }) loadMs!: number | null;
  @Field(() => String, { description: 'Who created it.' }) createdBy!: string;
  @Field(() => GraphQLISODateTime, { description: 'When it was created.' }) createdAt!: Date;
  @Field(() => GraphQLISODateTime, { nullable: true, description: 'When it became READY or REJECTED.' }) validatedAt!: Date | null;
  rowId!: string;
  modelRowId!: string;
  parentRowId!: string | null;
}
export const VersionConnection = connectionType('Version', () => VersionType);
