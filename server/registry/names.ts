/** What things may be called. Pure. */
import { DomainError } from '../errors.js';

/** Projects, monitors and alert rules. A project's name has no dot, so that `project.deployment` can be read back: its first dot ends the project. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Models and deployments: the names that clients of other servers use, such as `ResNet50`, `half_plus_two` and `bert-v1.0`. Case matters. */
const MODEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** The rules in words, for the descriptions of GraphQL fields. */
export const LABEL_RULE = '1 to 63 characters of a-z, 0-9 and "-". It begins and ends with a letter or digit.';
export const MODEL_NAME_RULE =
  '1 to 63 characters of A-Z, a-z, 0-9, ".", "_" and "-". It begins and ends with a letter or digit. Case matters: `ResNet50` and `resnet50` are two names.';

function check(name: string, rule: RegExp, characters: string, field: readonly string[]): void {
  if (rule.test(name)) return;
  throw new DomainError(
    'INVALID',
    `"${name.slice(0, 80)}" is not a valid name; it must have 1 to 63 characters of ${characters}, and begin and end with a letter or digit`,
    field,
  );
}

/** For projects, monitors and alert rules. @throws DomainError INVALID */
export function checkName(name: string, field: readonly string[] = ['name']): void {
  check(name, LABEL, 'a-z, 0-9 and "-"', field);
}

/** For models and deployments. @throws DomainError INVALID */
export function checkModelName(name: string, field: readonly string[] = ['name']): void {
  check(name, MODEL_NAME, 'A-Z, a-z, 0-9, ".", "_" and "-"', field);
}

/** Whether a name is valid. An invalid one need not be looked up. */
export const isName = (name: string): boolean => LABEL.test(name);
export const isModelName = (name: string): boolean => MODEL_NAME.test(name);

/** For changes that say which state of the object they are meant for. @throws DomainError CONFLICT */
export function checkGeneration(object: { readonly generation: number }, expected: number | null | undefined): void {
  if (expected == null || expected === object.generation) return;
  throw new DomainError('CONFLICT', `expectedGeneration is ${expected}, but the generation is ${object.generation}; read it again before you change it`, [
    'expectedGeneration',
  ]);
}
