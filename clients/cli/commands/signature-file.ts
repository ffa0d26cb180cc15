/** A declared signature in a file: `{"inputs": [...], "outputs": [...]}`, as `Version.signature` is shown. */
import type { CreateVersionInput } from '../../typescript/src/generated/operations.js';
import { wrongUse } from '../exit-codes.js';

type Signature = NonNullable<CreateVersionInput['signature']>;

export function parseSignature(text: string, path: string): Signature {
  let value: Partial<Record<'inputs' | 'outputs', unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch (error) {
    throw wrongUse(`${path} is not JSON: ${(error as Error).message}`);
  }
  const specs = (kind: 'inputs' | 'outputs'): Signature['inputs'] => {
    const list = value?.[kind];
    if (!Array.isArray(list)) throw wrongUse(`${path} has no list of ${kind}; give {"inputs": [{"name", "datatype", "shape"}], "outputs": [...]}`);
    return list.map((spec: Partial<Signature['inputs'][number]>, i) => {
      if (typeof spec?.name !== 'string' || typeof spec.datatype !== 'string') throw wrongUse(`${path}: ${kind}[${i}] needs name and datatype`);
      return { name: spec.name, datatype: spec.datatype, shape: spec.shape ?? null, optional: spec.optional ?? false };
    });
  };
  return { inputs: specs('inputs'), outputs: specs('outputs') };
}
