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

/** Its answers are compared, never given to a caller: nobody waits for it. */
export const isShadow = ({ shadowPercent }: { readonly shadowPercent: number }): boolean => shadowPercent > 0;

/** What one generation of a deployment wants. */
export interface WantedGeneration {
  readonly generation: number;
  readonly targets: readonly WantedTarget[];
}

/**
 * SHA-256 of what makes two replicas of one version different. Routing settings are left out on purpose: changing a timeout
 * or how requests are merged must not restart anything.
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
  const replicas = scaledReplicas ?? spec.replicas;
  return { generation, targets: spec.targets.map(({ versionId, weight, shadowPercent }) => ({ versionId, weight, shadowPercent, template, replicas })) };
}
