/** What a deployment's spec may say, and its defaults. Pure. */
import { DomainError } from '../errors.js';
import type { BatchingMode, DeploymentSpec, TargetSpec } from './deployment.entities.js';
import { checkedStickyHeader } from './sticky-header.js';
import { isShadow } from './template.js';

export const MAX_TARGETS = 10;
/** Of each target. */
export const MAX_REPLICAS = 64;
export const MAX_WEIGHT = 10_000;

export const DEFAULT_SPEC: Omit<DeploymentSpec, 'targets'> = {
  replicas: 1,
  timeoutMs: 30_000,
  maxConcurrency: 2,
  maxQueue: 1_000,
  batching: 'AUTO',
  maxBatchSize: 64,
  maxDelayMs: 2,
  stickyHeader: null,
  threads: 1,
  memoryLimitBytes: null,
};

export type SpecChange = Partial<{ -readonly [K in keyof DeploymentSpec]: DeploymentSpec[K] | null | undefined }>;

/** Whole numbers and their ranges. */
const RANGES: Readonly<Record<'replicas' | 'timeoutMs' | 'maxConcurrency' | 'maxQueue' | 'maxBatchSize' | 'threads', readonly [number, number]>> = {
  replicas: [1, MAX_REPLICAS],
  timeoutMs: [1, 3_600_000],
  maxConcurrency: [1, 1_024],
  maxQueue: [0, 1_000_000],
  maxBatchSize: [1, 4_096],
  threads: [1, 256],
};

const BATCHING_MODES: readonly BatchingMode[] = ['AUTO', 'ON', 'OFF'];
const MAX_DELAY_MS = 1_000;
/** What `null` takes back; of the rest it is as good as left out. */
const NULLABLE = ['memoryLimitBytes', 'stickyHeader'];
const MIN_MEMORY = 16 * 1024 ** 2;

/**
 * The spec that a change leads to: what the change does not name keeps its value.
 * @throws DomainError INVALID that names the field and the range
 */
export function changedSpec(before: DeploymentSpec | undefined, change: SpecChange): DeploymentSpec {
  const given = Object.fromEntries(Object.entries(change).filter(([name, value]) => value !== undefined && (value !== null || NULLABLE.includes(name))));
  const merged = { ...DEFAULT_SPEC, ...before, ...given } as DeploymentSpec;
  const spec: DeploymentSpec = { ...merged, stickyHeader: checkedStickyHeader(merged.stickyHeader) };
  for (const [name, [low, high]] of Object.entries(RANGES)) checkRange(name, spec[name as keyof typeof RANGES], low, high);
  if (spec.memoryLimitBytes !== null) checkRange('memoryLimitBytes', spec.memoryLimitBytes, MIN_MEMORY, Number.MAX_SAFE_INTEGER);
  if (!BATCHING_MODES.includes(spec.batching)) throw new DomainError('INVALID', `batching is "${spec.batching}"; it must be AUTO, ON or OFF`, ['batching']);
  checkNumber('maxDelayMs', spec.maxDelayMs, MAX_DELAY_MS, ['maxDelayMs']);
  checkTargets(spec.targets);
  return spec;
}

export const sameSpec = (a: DeploymentSpec, b: DeploymentSpec): boolean => fingerprint(a) === fingerprint(b);

/** Independent of the order of keys, which jsonb does not keep. */
const fingerprint = (spec: DeploymentSpec): string =>
  JSON.stringify([
    spec.targets.map((t) => [t.versionId, t.weight, t.shadowPercent]),
    spec.replicas,
    spec.timeoutMs,
    spec.maxConcurrency,
    spec.maxQueue,
    spec.batching,
    spec.maxBatchSize,
    spec.maxDelayMs,
    spec.stickyHeader,
    spec.threads,
    spec.memoryLimitBytes,
  ]);

function checkTargets(targets: readonly TargetSpec[] | undefined): void {
  if (!targets || targets.length === 0) throw new DomainError('INVALID', 'a deployment needs at least one target', ['targets']);
  if (targets.length > MAX_TARGETS)
    throw new DomainError('LIMIT_EXCEEDED', `${targets.length} targets were given; at most ${MAX_TARGETS} are allowed`, ['targets']);
  targets.forEach((target, i) => {
    checkRange('weight', target.weight, 0, MAX_WEIGHT, ['targets', String(i), 'weight']);
    checkNumber('shadowPercent', target.shadowPercent, 100, ['targets', String(i), 'shadowPercent']);
    if (isShadow(target) && target.weight > 0) {
      const both = `weight is ${target.weight} and shadowPercent is ${target.shadowPercent}; a shadow does not answer callers, so give it weight 0, or leave shadowPercent out`;
      throw new DomainError('INVALID', both, ['targets', String(i), 'weight']);
    }
    if (targets.findIndex((t) => t.versionId === target.versionId) !== i)
      throw new DomainError('INVALID', 'two targets name the same version; add up their weights', ['targets', String(i)]);
  });
  if (targets.every((t) => t.weight === 0))
    throw new DomainError('INVALID', 'every target has weight 0, so no request could be served; give at least one a weight', ['targets']);
}

/**
 * Numbers count within a model, and metrics, headers and paths know a target by its number alone.
 * @param numbers of the targets' versions
 * @param field what to name instead of the target
 * @throws DomainError INVALID that names the later of two with one number
 */
export function checkNumbersDiffer(numbers: readonly number[], field?: readonly string[]): void {
  numbers.forEach((number, i) => {
    const first = numbers.indexOf(number);
    if (first === i) return;
    const why = `targets ${first} and ${i} are version ${number} of two models, but the versions of a deployment must have different numbers`;
    throw new DomainError(
      'INVALID',
      `${why}; deploy the other model under its own name, or use a version of it with another number`,
      field ?? ['targets', String(i)],
    );
  });
}

function checkRange(name: string, value: number, low: number, high: number, field: string[] = [name]): void {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new DomainError('INVALID', `${name} is ${value}; it must be a whole number from ${low} to ${high}`, field);
}

function checkNumber(name: string, value: number, high: number, field: string[]): void {
  if (!(value >= 0 && value <= high)) throw new DomainError('INVALID', `${name} is ${value}; it must be a number from 0 to ${high}`, field);
}
