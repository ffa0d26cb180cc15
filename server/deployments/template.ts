import { createHash } from 'node:crypto';
import type { DeploymentSpec } from './deployment.entities.js';

/** One version that should run, and how. */
export interface WantedTarget {
  readonly versionId: string;
  readonly template: string;
  readonly weight: number;
  readonly replicas: number;
}

/** What one generation of a deployment wants. */
export interface WantedGeneration {
  readonly generation: number;
  readonly targets: readonly WantedTarget[];
}

/**
 * SHA-256 of what makes two replicas of one version different. Routing settings are left out on purpose: changing a timeout
 * must not restart anything.
 */
export function templateOf({ threads, maxConcurrency, memoryLimitBytes }: DeploymentSpec): string {
  return createHash('sha256')
    .update(JSON.stringify([threads, maxConcurrency, memoryLimitBytes]))
    .digest('hex')
    .slice(0, 16);
}

/** @param scaledReplicas what the scaling policy asks for; null where there is none */
export function wantedBy(generation: number, spec: DeploymentSpec, scaledReplicas: number | null): WantedGeneration {
  const template = templateOf(spec);
  return { generation, targets: spec.targets.map(({ versionId, weight }) => ({ versionId, weight, template, replicas: scaledReplicas ?? spec.replicas })) };
}
