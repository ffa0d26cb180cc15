/** The differences between what is configured and what is wanted, field by field. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { KINDS, type ConfigurationObject, type Kind } from './documents.js';

export type ConfigurationAction = 'CREATE' | 'UPDATE' | 'DELETE';

export interface ConfigurationChange {
  readonly kind: Kind;
  readonly project: string;
  readonly name: string;
  readonly action: ConfigurationAction;
  /** null where the object is deleted, or created without any field. */
  readonly field: string | null;
  readonly before: unknown;
  readonly after: unknown;
}

export const keyOf = ({ kind, project, name }: ConfigurationObject): string => `${kind} ${project}/${name}`;

/** What an object that exists, or does not, has to change to be as wanted. Fields that are not wanted stay. */
export function changesOf(wanted: ConfigurationObject, stored: ConfigurationObject | undefined): ConfigurationChange[] {
  const { kind, project, name } = wanted;
  const action = stored ? 'UPDATE' : 'CREATE';
  const changes = Object.entries(wanted.fields)
    .map(([field, after]) => ({ kind, project, name, action, field, before: stored?.fields[field] ?? null, after }) as const)
    .filter(({ before, after }) => !isDeepStrictEqual(before, after));
  if (stored || changes.length > 0) return changes;
  return [{ kind, project, name, action, field: null, before: null, after: null }];
}

/** Kinds that can be deleted: projects and models stay. */
const PRUNED: readonly Kind[] = ['AlertRule', 'Monitor', 'ScalingPolicy', 'Deployment'];

/** What is stored and not wanted, children first. What ends with its deployment or its monitor is left out. */
export function surplusOf<S extends ConfigurationObject>(stored: readonly S[], wanted: ReadonlySet<string>): S[] {
  const surplus = stored.filter((object) => PRUNED.includes(object.kind) && !wanted.has(keyOf(object)));
  const ending = new Set(surplus.map(keyOf));
  const endsWithParent = ({ kind, project, name }: S): boolean => {
    const [deployment, monitor] = name.split('/');
    if (kind === 'Deployment') return false;
    if (ending.has(`Deployment ${project}/${deployment}`)) return true;
    return kind === 'AlertRule' && ending.has(`Monitor ${project}/${deployment}/${monitor}`);
  };
  return surplus.filter((object) => !endsWithParent(object)).sort((a, b) => KINDS.indexOf(b.kind) - KINDS.indexOf(a.kind));
}
