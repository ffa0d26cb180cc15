/** What a caller says of how a version is loaded: options for its runtime, and a declared signature. */
import type { PluginFacts, RuntimeOptions } from '../../runtimes/contract.js';
import { isDatatype, type Signature, type TensorSpec } from '../../runtimes/tensor.js';
import { DomainError } from '../errors.js';
import { checkJson, checkText } from './texts.js';

const MAX_TENSORS = 1_000;
const MAX_DIMENSIONS = 32;

/**
 * The options as the plugin's schema gives them.
 * @throws DomainError INVALID or LIMIT_EXCEEDED, on the path of the option
 */
export async function readOptions(plugin: Pick<PluginFacts, 'name' | 'optionsSchema'>, given: unknown): Promise<RuntimeOptions> {
  const field = ['runtimeOptions'];
  checkJson(given, field);
  const names = Object.keys(given as object);
  const schema = plugin.optionsSchema?.['~standard'];
  if (!schema) {
    if (names.length === 0) return {};
    throw new DomainError('INVALID', `the runtime "${plugin.name}" takes no options; "${names[0]!.slice(0, 80)}" was given`, [
      ...field,
      names[0]!.slice(0, 80),
    ]);
  }
  const result = await schema.validate(given);
  if (result.issues === undefined) return result.value as RuntimeOptions;
  const [{ message, path = [] }] = result.issues as [(typeof result.issues)[number]];
  const at = path.map((part) => String(typeof part === 'object' ? part.key : part).slice(0, 80));
  throw new DomainError('INVALID', `${at.length > 0 ? `the option ${at.join('.')}` : 'the options'} of the runtime "${plugin.name}": ${message}`, [
    ...field,
    ...at,
  ]);
}

/** @throws DomainError INVALID or LIMIT_EXCEEDED, on the path of the tensor */
export function checkDeclaredSignature(signature: Signature, field: readonly string[] = ['signature']): void {
  checkSpecs(signature.inputs, 'input', [...field, 'inputs']);
  checkSpecs(signature.outputs, 'output', [...field, 'outputs']);
  if (signature.outputs.length === 0) throw new DomainError('INVALID', 'a signature needs at least one output', [...field, 'outputs']);
}

function checkSpecs(specs: readonly TensorSpec[], kind: string, field: readonly string[]): void {
  if (specs.length > MAX_TENSORS) throw new DomainError('LIMIT_EXCEEDED', `the signature has ${specs.length} ${kind}s; it may have ${MAX_TENSORS}`, field);
  specs.forEach(({ name, datatype, shape }, i) => {
    const at = [...field, String(i)];
    checkText(name, [...at, 'name'], 200);
    if (name === '') throw new DomainError('INVALID', `an ${kind} needs a name`, [...at, 'name']);
    if (specs.findIndex((other) => other.name === name) !== i) throw new DomainError('INVALID', `the ${kind} "${name}" is given twice`, [...at, 'name']);
    if (!isDatatype(datatype)) {
      const right = 'give BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES';
      throw new DomainError('INVALID', `the datatype "${String(datatype).slice(0, 80)}" of the ${kind} "${name}" is unknown; ${right}`, [...at, 'datatype']);
    }
    if (shape && shape.length > MAX_DIMENSIONS)
      throw new DomainError('LIMIT_EXCEEDED', `the ${kind} "${name}" has ${shape.length} dimensions; it may have ${MAX_DIMENSIONS}`, [...at, 'shape']);
    const wrong = shape?.find((size) => size < -1);
    if (wrong !== undefined)
      throw new DomainError('INVALID', `the ${kind} "${name}" has the dimension ${wrong}; give a size, or -1 for any size`, [...at, 'shape']);
  });
}
