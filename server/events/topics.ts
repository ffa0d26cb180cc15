/** The one list of everything that is published. Every subscription reads one of these topics. */
export interface Topics {
  deployment: DeploymentEventPayload;
  version: VersionEventPayload;
  alert: AlertEventPayload;
  alias: AliasEventPayload;
}

export type Topic = keyof Topics;

export interface DeploymentEventPayload {
  /** Phase of the deployment after the event. */
  readonly phase: string;
  readonly generation: number;
  readonly message: string;
  readonly replicaId?: string;
  readonly versionId?: string;
  readonly rolloutId?: string;
}

export interface VersionEventPayload {
  readonly state: string;
  readonly message: string;
}

export interface AlertEventPayload {
  readonly alertId: string;
  readonly ruleId: string;
  readonly monitorId: string;
  readonly deploymentId: string;
  readonly severity: string;
  readonly state: string;
  readonly value: number;
  readonly message: string;
}

export interface AliasEventPayload {
  readonly modelId: string;
  readonly name: string;
  /** Numbers of the versions that it named before and names now; null where it is new. */
  readonly from: number | null;
  readonly to: number;
  readonly message: string;
}

/** GraphQL type of the aggregate (`subjectId`) that the events of a topic belong to. */
export const SUBJECT_TYPES: Record<Topic, string> = { deployment: 'Deployment', version: 'Version', alert: 'Alert', alias: 'Alias' };
