/** @pilothouse/client */
export { connect, PilothouseClient } from './client.js';
export type { ConnectOptions, DeploymentChange, DeploymentRef, Document, NewVersion, WaitOptions } from './client.js';
export type { NamedSource, Source, UploadedArtifact } from './artifacts.js';
export { PilothouseError } from './errors.js';
export type { PilothouseErrorCode, PilothouseErrorDetail, UserError } from './errors.js';
export type { Inference, InferenceOptions, InputData, InputTensor } from './inference.js';
export type { FollowOptions } from './subscription.js';
export type { Datatype, Tensor, TensorData } from '../../../runtimes/tensor.js';
export * as operations from './generated/operations.js';
export type * as schema from './generated/schema.js';
export type {
  DeploymentEventFieldsFragment as DeploymentEvent,
  DeploymentFieldsFragment as Deployment,
  ModelFieldsFragment as Model,
  ProjectFieldsFragment as Project,
  RolloutFieldsFragment as Rollout,
  VersionFieldsFragment as Version,
} from './generated/operations.js';
