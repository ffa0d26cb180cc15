/** What a generated module knows of a model. */
export interface GeneratedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[] | null;
}

export interface GeneratedModel {
  readonly endpoint: string;
  /** `reader:3`, for the comment. */
  readonly version: string;
  readonly inputs: readonly GeneratedTensor[];
  readonly outputs: readonly GeneratedTensor[];
}

/** A name that both languages allow, none of their keywords. */
export function identifier(name: string, reserved: readonly string[]): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_') || '_';
  return reserved.includes(plain) ? `${plain}_` : plain;
}

/** Names for several things, each its own. */
export function identifiers(names: readonly string[], reserved: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = identifier(name, reserved);
    while (taken.has(free)) free += '_';
    taken.add(free);
    return free;
  });
}

export const typeName = (name: string): string =>
  name
    .split('_')
    .filter(Boolean)
    .map((part) => part[0]!.toUpperCase() + part.slice(1))
    .join('') || 'Model';

export const shapeText = (shape: readonly number[] | null): string =>
  shape ? `[${shape.map((size) => (size < 0 ? 'any' : size)).join(', ')}]` : 'of any shape';
