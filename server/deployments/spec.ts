/** What a deployment's spec may say, and its defaults. Pure. */
import { DomainError } from '../errors.js';
import type { DeploymentSpec, TargetSpec } from './deployment.entities.js';

export const MAX_TARGETS = 10;
export const MAX_REPLICAS = 64;
export const MAX_WEIGHT = 10_000;

export const DEFAULT_SPEC: Omit<DeploymentSpec, 'targets'> = {
  replicas: 1,
  timeoutMs: 30_000,
  maxConcurrency: 2,
  maxQueue: 1_000,
  threads: 1,
  memoryLimitBytes: null,
};

export type SpecChange = Partial<{ -readonly [K in keyof DeploymentSpec]: DeploymentSpec[K] | null | undefined }>;

const RANGES: Readonly<Record<'replicas' | 'timeoutMs' | 'maxConcurrency' | 'maxQueue' | 'threads', readonly [number, number]>> = {
  replicas: [1, MAX_REPLICAS],
  timeoutMs: [1, 3_600_000],
  maxConcurrency: [1, 1_024],
  maxQueue: [0, 1_000_000],
  threads: [1, 256],
};

const MIN_MEMORY = 16 * 1024 ** 2;

/**
 * The spec that a change leads to: what the change does not name keeps its value.
 * @throws DomainError INVALID that names the field and the range
 */
export function changedSpec(before: DeploymentSpec | undefined, change: SpecChange): DeploymentSpec {
  const given = Object.fromEntries(Object.entries(change).filter(([name, value]) => value !== undefined && (value !== null || name === 'memoryLimitBytes')));
  const spec = { ...DEFAULT_SPEC, ...before, ...given } as DeploymentSpec;
  for (const [name, [low, high]] of Object.entries(RANGES)) checkRange(name, spec[name as keyof typeof RANGES], low, high);
  if (spec.memoryLimitBytes !== null) checkRange('memoryLimitBytes', spec.memoryLimitBytes, MIN_MEMORY, Number.MAX_SAFE_INTEGER);
  checkTargets(spec.targets);
  return spec;
}

export const sameSpec = (a: DeploymentSpec, b: DeploymentSpec): boolean => fingerprint(a) === fingerprint(b);

/** Independent of the order of keys, which jsonb does not keep. */
const fingerprint = (spec: DeploymentSpec): string =>
  JSON.stringify([
    spec.targets.map((t) => [t.versionId, t.weight]),
    spec.replicas,
    spec.timeoutMs,
    spec.maxConcurrency,
    spec.maxQueue,
    spec.threads,
    spec.memoryLimitBytes,
  ]);

function checkTargets(targets: readonly TargetSpec[] | undefined): void {
  if (!targets || targets.length === 0) throw new DomainError('INVALID', 'a deployment needs at least one target', ['targets']);
  if (targets.length > MAX_TARGETS)
    throw new DomainError('LIMIT_EXCEEDED', `${targets.length} targets were given; at most ${MAX_TARGETS} are allowed`, ['targets']);
  targets.forEach((target, i) => {
    checkRange('weight', target.weight, 0, MAX_WEIGHT, ['targets', String(i), 'weight']);
    if (targets.findIndex((t) => t.versionId === target.versionId) !== i)
      throw new DomainError('INVALID', 'two targets name the same version; add up their weights', ['targets', String(i)]);
  });
  if (targets.every((t) => t.weight === 0))
    throw new DomainError('INVALID', 'every target has weight 0, so that no request could be served; give one of them a weight', ['targets']);
}

function checkRange(name: string, value: number, low: number, high: number, field: string[] = [name]): void {
  if (!Number.isInteger(value) || value < low || value > high)
    throw new DomainError('INVALID', `${name} is ${value}; it must be a whole number from ${low} to ${high}`, field);
}
