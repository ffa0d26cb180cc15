/** A sample request in a file: `{"inputs": [...]}` of the Open Inference Protocol, or its list of tensors. */
import { wrongUse } from '../exit-codes.js';

export interface SampleTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: unknown;
}

export function parseSample(text: string, path: string): SampleTensor[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrongUse(`${path} is not JSON: ${(error as Error).message}`);
  }
  const list = Array.isArray(value) ? value : (value as { inputs?: unknown } | null)?.inputs;
  if (!Array.isArray(list)) throw wrongUse(`${path} has no list of inputs; give {"inputs": [{"name", "datatype", "shape", "data"}]}`);
  return list.map((tensor: Partial<SampleTensor>, i) => {
    if (typeof tensor?.name !== 'string' || typeof tensor.datatype !== 'string' || !Array.isArray(tensor.shape) || tensor.data === undefined)
      throw wrongUse(`${path}: input ${i} needs name, datatype, shape and data`);
    return { name: tensor.name, datatype: tensor.datatype, shape: tensor.shape, data: tensor.data };
  });
}
