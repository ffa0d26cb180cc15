/**
 * How many replicas a deployment should have. Pure. The rule is the one that Kubernetes' horizontal autoscaler defines: the present
 * number times the ratio of load to target, rounded up, nothing within a tolerance of 0.1, and down only to the highest number that
 * was right at any moment of the scale-down window. Missing data decides nothing, and neither does a single window.
 */
import type { ScalingAction } from './autoscaling.entities.js';
import type { ObservedLoad, TargetLoad } from './load.js';

export const TOLERANCE = 0.1;
/** Windows of 5 s that a decision needs. */
export const MIN_WINDOWS = 2;

export interface ScalingRules {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Requests accepted and not yet answered that one replica should carry. */
  readonly targetInFlight: number;
  readonly windowMs: number;
  readonly scaleDownWindowMs: number;
}

/** Which part of the rule decided. A HOLD by the same part is not written again. */
export type DecisionRule =
  | 'BELOW_MINIMUM'
  | 'ABOVE_MAXIMUM'
  | 'MISSING_DATA'
  | 'TOO_FEW_WINDOWS'
  | 'WITHIN_TOLERANCE'
  | 'RIGHT_NUMBER'
  | 'ONE_WINDOW'
  | 'AT_MAXIMUM'
  | 'AT_MINIMUM'
  | 'SHORT_HISTORY'
  | 'SCALE_DOWN_WINDOW'
  | 'LOAD_ABOVE_TARGET'
  | 'LOAD_BELOW_TARGET';

export interface Decision {
  readonly action: ScalingAction;
  readonly to: number;
  readonly rule: DecisionRule;
  /** A sentence for people. */
  readonly reason: string;
  /** What was seen, for the ledger. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** What the busiest target asks for. */
interface Demand {
  readonly target: TargetLoad;
  readonly mean: number;
  readonly ratio: number;
  readonly replicas: number;
}

/** @param current replicas of each target that are asked for now */
export function decide(rules: ScalingRules, current: number, load: ObservedLoad): Decision {
  const bounds = outOfBounds(rules, current);
  if (bounds) return bounds;
  const seen = {
    load: Object.fromEntries(load.targets.map(({ versionId, samples }) => [versionId, { windows: samples.length, meanInFlight: mean(samples) }])),
  };
  const outcome = (action: ScalingAction, to: number, rule: DecisionRule, reason: string, more: object = {}): Decision => ({
    action,
    to,
    rule,
    reason,
    inputs: { ...facts(rules, current), ...seen, ...more },
  });
  const hold = (rule: DecisionRule, reason: string, more?: object): Decision => outcome('HOLD', current, rule, reason, more);

  if (load.missing !== null || load.targets.length === 0)
    return hold('MISSING_DATA', `the number of replicas stays while data is missing: ${load.missing ?? 'no version takes traffic'}`);
  const few = load.targets.find(({ samples }) => samples.length < MIN_WINDOWS);
  if (few) return hold('TOO_FEW_WINDOWS', `version ${few.version} has ${few.samples.length} of the ${MIN_WINDOWS} windows that a decision needs`);

  const demand = busiest(rules, current, load.targets);
  const sentence = describe(rules, current, demand);
  const found = { ratio: round(demand.ratio), recommended: demand.replicas };
  if (withinTolerance(demand.ratio)) return hold('WITHIN_TOLERANCE', `${sentence}: within ${TOLERANCE * 100} % of the target`, found);
  if (demand.replicas === current) return hold('RIGHT_NUMBER', `${sentence}: that asks for ${current} replicas, as many as there are`, found);

  if (demand.replicas > current) {
    if (!withoutOutlier(rules, current, demand.target, 'highest', (replicas) => replicas > current)) {
      return hold('ONE_WINDOW', `${sentence}, but only because of one window: without its highest window the load asks for no more than ${current}`, found);
    }
    if (current === rules.maxReplicas)
      return hold('AT_MAXIMUM', `${sentence}: that asks for ${demand.replicas} replicas, and the maximum is ${rules.maxReplicas}`, found);
    const to = Math.min(demand.replicas, rules.maxReplicas);
    const capped = to < demand.replicas ? `, of ${demand.replicas} that it asks for (the maximum is ${to})` : '';
    return outcome('SCALE_UP', to, 'LOAD_ABOVE_TARGET', `${sentence}: from ${current} to ${to} replicas${capped}`, found);
  }

  if (current === rules.minReplicas) return hold('AT_MINIMUM', `${sentence}, and the minimum is ${rules.minReplicas}`, found);
  const stray = load.targets.find((target) => !withoutOutlier(rules, current, target, 'lowest', (replicas) => replicas < current));
  if (stray) return hold('ONE_WINDOW', `${sentence}, but only because of one window: without its lowest window the load asks for ${current} or more`, found);
  if (load.knownForMs < rules.scaleDownWindowMs) {
    return hold(
      'SHORT_HISTORY',
      `${sentence}, but the load is known for only ${seconds(load.knownForMs)} of the ${seconds(rules.scaleDownWindowMs)} that are looked at before scaling down`,
      found,
    );
  }
  const highest = load.recommendations.reduce((max, { replicas }) => Math.max(max, replicas), demand.replicas);
  const more = { ...found, highestInScaleDownWindow: highest };
  if (highest >= current) {
    return hold('SCALE_DOWN_WINDOW', `${sentence}, but ${highest} replicas were needed at some moment of the last ${seconds(rules.scaleDownWindowMs)}`, more);
  }
  const to = Math.max(highest, rules.minReplicas);
  return outcome(
    'SCALE_DOWN',
    to,
    'LOAD_BELOW_TARGET',
    `${sentence}: from ${current} to ${to} replicas, the most that were needed at any moment of the last ${seconds(rules.scaleDownWindowMs)}, and at least ${rules.minReplicas}`,
    more,
  );
}

/** A number outside the policy's bounds is corrected whatever the load is. */
export function outOfBounds(rules: ScalingRules, current: number): Decision | undefined {
  const inputs = facts(rules, current);
  if (current < rules.minReplicas) {
    return {
      action: 'SCALE_UP',
      to: rules.minReplicas,
      rule: 'BELOW_MINIMUM',
      reason: `${current} replicas are fewer than the policy's minimum of ${rules.minReplicas}`,
      inputs,
    };
  }
  if (current > rules.maxReplicas) {
    return {
      action: 'SCALE_DOWN',
      to: rules.maxReplicas,
      rule: 'ABOVE_MAXIMUM',
      reason: `${current} replicas are more than the policy's maximum of ${rules.maxReplicas}`,
      inputs,
    };
  }
  return undefined;
}

function facts({ minReplicas, maxReplicas, targetInFlight, windowMs, scaleDownWindowMs }: ScalingRules, current: number): Record<string, unknown> {
  return { currentReplicas: current, minReplicas, maxReplicas, targetInFlight, windowMs, scaleDownWindowMs };
}

/** Targets have the same number of replicas, so the one that asks for most decides. */
function busiest(rules: ScalingRules, current: number, targets: readonly TargetLoad[]): Demand {
  return targets
    .map((target): Demand => {
      const load = mean(target.samples);
      return { target, mean: load, ratio: ratioOf(rules, current, load), replicas: demanded(rules, current, load) };
    })
    .reduce((most, next) => (next.replicas > most.replicas || (next.replicas === most.replicas && next.mean > most.mean) ? next : most));
}

const ratioOf = ({ targetInFlight }: ScalingRules, current: number, load: number): number => load / (current * targetInFlight);

/** A ratio that is 1.1 but for the last bit is within the tolerance. */
const withinTolerance = (ratio: number): boolean => Math.abs(ratio - 1) <= TOLERANCE + 1e-9;

function demanded(rules: ScalingRules, current: number, load: number): number {
  const ratio = ratioOf(rules, current, load);
  if (withinTolerance(ratio)) return current;
  return Math.max(0, Math.ceil(current * ratio - 1e-9));
}

/** Whether the direction stays when the most extreme window is left out. */
function withoutOutlier(
  rules: ScalingRules,
  current: number,
  { samples }: TargetLoad,
  which: 'highest' | 'lowest',
  holds: (replicas: number) => boolean,
): boolean {
  const outlier = which === 'highest' ? Math.max(...samples) : Math.min(...samples);
  const rest = samples.toSpliced(samples.indexOf(outlier), 1);
  return holds(demanded(rules, current, mean(rest)));
}

function describe(rules: ScalingRules, current: number, { target, mean: load, ratio }: Demand): string {
  const perReplica = round(load / current);
  return `${round(load)} requests were in flight at version ${target.version} (mean of ${target.samples.length} windows), ${perReplica} a replica, ${round(ratio)} times the target of ${rules.targetInFlight}`;
}

const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length);
const round = (value: number): number => Number(value.toPrecision(3));
const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
