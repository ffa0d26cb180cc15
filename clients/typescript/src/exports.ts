/** What the package offers on every platform. */
export type { DeploymentChange, DeploymentRef, DeploymentSummary, LogFilter, LogSource, Revision } from './deployments.js';
export { PilothouseError } from './errors.js';
export type { PilothouseErrorCode, PilothouseErrorDetail, UserError } from './errors.js';
export type { Inference, InferenceOptions, InputData, InputTensor } from './inference.js';
export type { AlertEvent, AlertRule, MonitorRun, ScalingDecision } from './monitoring.js';
export type { NamedSource, Progress, Source } from './platform.js';
export type { AuditEntry, ConfigurationChange, ConfigurationDocument } from './portable-client.js';
export type { FileProgress, ModelSummary, NewVersion } from './registry.js';
export type { ConnectOptions, Document, ListOptions, RequestOptions, WaitOptions } from './requests.js';
export type { FollowOptions } from './subscription.js';
export { typedInput, typedOutputs, type TypedInput } from './typed-models.js';
export type { UploadedArtifact, UploadOptions } from './upload.js';
export type { Datatype, Tensor, TensorData } from '../../../runtimes/tensor.js';
export * as operations from './generated/operations.js';
export type * as schema from './generated/schema.js';
export type {
  AlertFieldsFragment as Alert,
  DeploymentEventFieldsFragment as DeploymentEvent,
  DeploymentFieldsFragment as Deployment,
  LogLineFieldsFragment as LogLine,
  ModelFieldsFragment as Model,
  MonitorFieldsFragment as Monitor,
  ProjectFieldsFragment as Project,
  RolloutFieldsFragment as Rollout,
  ScalingPolicyFieldsFragment as ScalingPolicy,
  VersionFieldsFragment as Version,
  VersionSummaryFragment as VersionSummary,
} from './generated/operations.js';
