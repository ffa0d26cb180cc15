/** What a caller says about a version besides its files: where it comes from, and a request that it can answer. Pure. */
import { tensorFromSample } from '../../runtimes/sample.js';
import { TensorError } from '../../runtimes/tensor.js';
import { DomainError } from '../errors.js';
import type { Lineage, SampleTensor } from './registry.entities.js';
import { checkJson, checkText } from './texts.js';

const MAX_SAMPLE_BYTES = 8 * 1024 * 1024;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws DomainError INVALID or LIMIT_EXCEEDED, on the path of the field */
export function checkLineage({ dataset, hyperparameters, metrics, libraries, source }: Lineage, field: readonly string[] = ['lineage']): void {
  for (const [name, part] of Object.entries({ dataset, source })) {
    for (const [key, text] of Object.entries(part ?? {})) if (typeof text === 'string') checkText(text, [...field, name, key]);
  }
  for (const [name, value] of Object.entries({ hyperparameters, metrics, libraries })) {
    if (value === undefined) continue;
    if (!isObject(value)) throw new DomainError('INVALID', `${name} must be a JSON object of names and values`, [...field, name]);
    checkJson(value, [...field, name]);
  }
  for (const [name, value] of Object.entries(metrics ?? {})) {
    if (!Number.isFinite(value))
      throw new DomainError('INVALID', `the metric "${name.slice(0, 80)}" must be a number`, [...field, 'metrics', name.slice(0, 80)]);
  }
  for (const [name, version] of Object.entries(libraries ?? {})) {
    if (typeof version !== 'string')
      throw new DomainError('INVALID', `the version of the library "${name.slice(0, 80)}" must be a string`, [...field, 'libraries', name.slice(0, 80)]);
  }
  const rows = dataset?.rows;
  if (rows !== undefined && !(Number.isSafeInteger(rows) && rows >= 0))
    throw new DomainError('INVALID', `a data set has ${rows} rows; it must be a whole number, 0 or more`, [...field, 'dataset', 'rows']);
}

/**
 * Names, datatypes, shapes and data in themselves; only validation can say whether the model takes them.
 * @throws DomainError INVALID or LIMIT_EXCEEDED, on the path of the tensor
 */
export function checkSample(sample: readonly SampleTensor[], field: readonly string[] = ['sample']): void {
  if (sample.length === 0) throw new DomainError('INVALID', 'a sample needs a tensor for each input; leave it out to have one made from the signature', field);
  checkJson(sample, field, MAX_SAMPLE_BYTES);
  sample.forEach((tensor, i) => {
    try {
      tensorFromSample(tensor);
    } catch (error) {
      if (error instanceof TensorError) throw new DomainError('INVALID', error.message, [...field, String(i)]);
      throw error;
    }
    if (sample.findIndex((other) => other.name === tensor.name) !== i)
      throw new DomainError('INVALID', `tensor "${tensor.name.slice(0, 80)}" is given twice`, [...field, String(i), 'name']);
  });
}
