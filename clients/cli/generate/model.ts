/** What a generated module knows of a model, and how that differs from what it knew. */
export interface GeneratedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[] | null;
}

export interface Signature {
  readonly inputs: readonly GeneratedTensor[];
  readonly outputs: readonly GeneratedTensor[];
}

export interface GeneratedModel extends Signature {
  readonly project: string;
  readonly name: string;
  /** `vision.digits` in the project `vision`. */
  readonly endpoint: string;
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

const tensorText = ({ datatype, shape }: GeneratedTensor): string => `${datatype} ${shapeText(shape)}`;

type Signatures = Readonly<Record<string, Signature>>;
const MARK = 'signatures: ';

/** The signatures on one line, from which `--check` reads them again. */
export function signaturesLine(models: readonly GeneratedModel[]): string {
  const plain = ({ name, datatype, shape }: GeneratedTensor): GeneratedTensor => ({ name, datatype, shape });
  const entries = models.map(({ endpoint, inputs, outputs }) => [endpoint, { inputs: inputs.map(plain), outputs: outputs.map(plain) }]);
  return `${MARK}${JSON.stringify(Object.fromEntries(entries))}`;
}

/** The signatures that a module was generated for; undefined where it does not say. */
export function readSignatures(module: string): Signatures | undefined {
  const line = module.split('\n').find((each) => each.includes(MARK));
  try {
    return line === undefined ? undefined : (JSON.parse(line.slice(line.indexOf(MARK) + MARK.length)) as Signatures);
  } catch {
    return undefined;
  }
}

/** Field by field, what a module says of the models and what they are now. */
export function differences(before: Signatures, models: readonly GeneratedModel[]): string[] {
  const gone = Object.keys(before).filter((endpoint) => !models.some((model) => model.endpoint === endpoint));
  return [
    ...models.flatMap((model) => {
      const old = before[model.endpoint];
      if (!old) return [`${model.endpoint} is new`];
      return (['inputs', 'outputs'] as const).flatMap((side) => fieldDifferences(`${model.endpoint}: ${side.slice(0, -1)}`, old[side], model[side]));
    }),
    ...gone.map((endpoint) => `${endpoint} was removed`),
  ];
}

function fieldDifferences(what: string, before: readonly GeneratedTensor[], now: readonly GeneratedTensor[]): string[] {
  const old = new Map(before.map((tensor) => [tensor.name, tensorText(tensor)]));
  const names = new Set(now.map(({ name }) => name));
  return [
    ...now.flatMap((tensor) => {
      const [was, is] = [old.get(tensor.name), tensorText(tensor)];
      if (was === undefined) return [`${what} "${tensor.name}" ${is} is new`];
      return was === is ? [] : [`${what} "${tensor.name}" was ${was} and is ${is}`];
    }),
    ...before.filter(({ name }) => !names.has(name)).map(({ name }) => `${what} "${name}" is gone`),
  ];
}
