/** Why a deployment is as it is, in lines for people. Pure. */
export interface ServingFact {
  /** `churn:3`. */
  readonly version: string;
  readonly weight: number;
  readonly shadowPercent: number;
  readonly readyReplicas: number;
}

export interface Facts {
  readonly name: string;
  readonly phase: string;
  readonly serving: readonly ServingFact[];
  readonly revision: number;
  readonly since: Date;
  readonly actor: string;
  readonly reason: string;
  /** Wanted of each target. */
  readonly replicas: number;
  readonly specReplicas: number;
  readonly policy: { readonly minReplicas: number; readonly maxReplicas: number } | null;
  readonly decision: { readonly action: string; readonly at: Date; readonly reason: string } | null;
  readonly problems: readonly string[];
}

/** Why there are so many replicas. */
export function replicasReason({ replicas, specReplicas, policy, decision }: Facts): string {
  if (!policy) return `${replicas} of each target: the spec says so`;
  const range = `the scaling policy allows ${policy.minReplicas} to ${policy.maxReplicas}`;
  if (!decision) return `${replicas} of each target: ${range}, and has decided nothing yet (the spec says ${specReplicas})`;
  return `${replicas} of each target: ${range}; its last decision, at ${decision.at.toISOString()}, was ${decision.action}: ${decision.reason}`;
}

export function explain(facts: Facts): string[] {
  const total = facts.serving.reduce((sum, { weight }) => sum + weight, 0);
  const lines = facts.serving.map(({ version, weight, shadowPercent, readyReplicas }) => {
    const share = shadowPercent > 0 ? `a copy of ${shadowPercent} % of the requests` : `${Math.round((weight / total) * 1_000) / 10} % of the traffic`;
    return `${facts.name} (${facts.phase}): ${version} gets ${share}, ${readyReplicas} of ${facts.replicas} replicas are READY`;
  });
  lines.push(`since ${facts.since.toISOString()}: revision ${facts.revision} by ${facts.actor}${facts.reason && `: ${facts.reason}`}`);
  lines.push(`replicas: ${replicasReason(facts)}`);
  lines.push(...(facts.problems.length > 0 ? facts.problems.map((problem) => `problem: ${problem}`) : ['nothing is wrong']));
  return lines;
}
