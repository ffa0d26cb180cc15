/** What things may be called. Pure. */
import { DomainError } from '../errors.js';

/** Names of projects and deployments end up in host names and in the model names of the Open Inference Protocol (`project.deployment`): no dots. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Models appear in neither, and their names often come with underscores. */
const MODEL_NAME = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/;

function check(name: string, rule: RegExp, characters: string, field: readonly string[]): void {
  if (rule.test(name)) return;
  throw new DomainError(
    'INVALID',
    `"${name.slice(0, 80)}" cannot be a name; it must be 1 to 63 of ${characters}, and begin and end with a letter or digit`,
    field,
  );
}

/** For projects and deployments. @throws DomainError INVALID */
export function checkName(name: string, field: readonly string[] = ['name']): void {
  check(name, LABEL, 'a-z, 0-9 and "-"', field);
}

/** @throws DomainError INVALID */
export function checkModelName(name: string, field: readonly string[] = ['name']): void {
  check(name, MODEL_NAME, 'a-z, 0-9, "-" and "_"', field);
}

/** Whether anything can have this name: what cannot need not be looked for. */
export const isName = (name: string): boolean => LABEL.test(name);
export const isModelName = (name: string): boolean => MODEL_NAME.test(name);

/** For changes that say which state of the object they are meant for. @throws DomainError CONFLICT */
export function checkGeneration(object: { readonly generation: number }, expected: number | null | undefined): void {
  if (expected == null || expected === object.generation) return;
  throw new DomainError('CONFLICT', `expectedGeneration is ${expected}, but the generation is ${object.generation}; read it again and decide anew`, [
    'expectedGeneration',
  ]);
}
