/** Puts the checks and, where a backend lacks a kernel or computes it wrongly, plain JavaScript before TensorFlow.js' kernels. */
import type { KernelBackend, KernelConfig, NamedAttrMap, NamedTensorInfoMap } from '@tensorflow/tfjs-core';
import type { Backend, Core } from '../library.js';
import { type KernelCall } from './call.js';
import { CHECKS } from './checks.js';
import { computePlain } from './plain.js';
import { WASM_COMPUTES, type Rule } from './wasm-rules.js';

/** Kernels that a backend computes itself, and when. Without an entry for the backend, it computes all that it has. */
const COMPUTES: Readonly<Partial<Record<Backend, Readonly<Record<string, Rule>>>>> = { wasm: WASM_COMPUTES };

const never: Rule = () => false;
const always: Rule = () => true;

/** Backends that are done, for each copy of the library: a process loads it more than once. */
const installed = new WeakMap<Core, Set<Backend>>();

/** To be called before the backend starts, with plain JavaScript's kernels registered. */
export function installKernels(core: Core, backend: Backend): void {
  const done = installed.get(core) ?? new Set();
  if (done.has(backend)) return;
  installed.set(core, done.add(backend));
  const own = new Map(core.getKernelsForBackend(backend).map((config) => [config.kernelName, config]));
  const plain = new Map(core.getKernelsForBackend('cpu').map((config) => [config.kernelName, config]));
  for (const kernel of new Set([...own.keys(), ...plain.keys()])) {
    const guarded = guard(core, backend, kernel, own.get(kernel), plain.get(kernel));
    if (own.has(kernel)) core.unregisterKernel(kernel, backend);
    core.registerKernel(guarded);
  }
}

function guard(core: Core, backendName: Backend, kernelName: string, own: KernelConfig | undefined, plain: KernelConfig | undefined): KernelConfig {
  const check = CHECKS[kernelName];
  const rules = COMPUTES[backendName];
  // A kernel that plain JavaScript lacks has nothing to be compared with; no operation of the library calls it.
  const computes = !own ? never : !plain || !rules ? always : (rules[kernelName] ?? never);
  const kernelFunc = (given: { inputs: NamedTensorInfoMap; backend: unknown; attrs?: NamedAttrMap }) => {
    const { inputs, attrs = {} } = given;
    const tensors = Object.values(inputs).filter((input) => input !== undefined);
    const call: KernelCall = { kernel: kernelName, inputs, tensors, attrs, backend: given.backend as KernelBackend };
    check?.(call);
    if (own && computes(call)) return own.kernelFunc(given as Parameters<KernelConfig['kernelFunc']>[0]);
    return computePlain(core, plain!, call);
  };
  return { ...own, kernelName, backendName, kernelFunc };
}
