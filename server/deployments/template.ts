import { createHash } from 'node:crypto';
import type { DeploymentSpec } from './deployment.entities.js';

/** One version that should run, and how. */
export interface WantedTarget {
  readonly versionId: string;
  readonly template: string;
  readonly weight: number;
  readonly shadowPercent: number;
  readonly replicas: number;
}

/** Its answers are compared and never given to a caller, so no caller waits for it. */
export const isShadow = ({ shadowPercent }: { readonly shadowPercent: number }): boolean => shadowPercent > 0;

/** What one generation of a deployment wants. */
export interface WantedGeneration {
  readonly generation: number;
  readonly targets: readonly WantedTarget[];
}

/** The part of a spec that a replica process runs with. */
export type ReplicaSettings = Pick<DeploymentSpec, 'threads' | 'maxConcurrency' | 'memoryLimitBytes'>;

/** Routing settings are left out on purpose: a change of a timeout or of how requests are merged must not restart anything. */
export const settingsOf = ({ threads, maxConcurrency, memoryLimitBytes }: ReplicaSettings): ReplicaSettings => ({ threads, maxConcurrency, memoryLimitBytes });

/** SHA-256 of a replica's settings: what makes two replicas of one version different. */
export function templateOf(spec: ReplicaSettings): string {
  return createHash('sha256')
    .update(JSON.stringify(Object.values(settingsOf(spec))))
    .digest('hex')
    .slice(0, 16);
}

/** @param scaledReplicas what the scaling policy asks for; null where there is none */
export function wantedBy(generation: number, spec: DeploymentSpec, scaledReplicas: number | null): WantedGeneration {
  const template = templateOf(spec);
  const replicas = scaledReplicas ?? spec.replicas;
  return { generation, targets: spec.targets.map(({ versionId, weight, shadowPercent }) => ({ versionId, weight, shadowPercent, template, replicas })) };
}
