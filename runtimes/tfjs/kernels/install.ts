/** Puts the checks and, where a backend lacks a kernel or computes it wrongly, plain JavaScript before TensorFlow.js' kernels. */
import type { KernelBackend, KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { Backend, Core } from '../library.js';
import type { KernelCall } from './call.js';
import { CHECKS, JAVASCRIPT_CHECKS } from './checks.js';
import { NATIVE_COMPUTES, NATIVE_REFUSAL } from './native-rules.js';
import { OWN } from './own.js';
import { computePlain } from './plain.js';
import type { Rule } from './rules.js';
import { WASM_COMPUTES } from './wasm-rules.js';

const never: Rule = () => false;
const always: Rule = () => true;

interface Rules {
  /** When the backend computes a kernel, and not plain JavaScript. */
  readonly computes: Readonly<Record<string, Rule>>;
  /** For the kernels that are not named. */
  readonly otherwise: Rule;
  /** The messages with which the backend refuses what plain JavaScript computes. */
  readonly refusal?: RegExp;
}

const RULES: Readonly<Record<Backend, Rules>> = {
  wasm: { computes: WASM_COMPUTES, otherwise: never },
  tensorflow: { computes: NATIVE_COMPUTES, otherwise: always, refusal: NATIVE_REFUSAL },
  cpu: { computes: {}, otherwise: always },
};

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
  const { computes, otherwise, refusal } = RULES[backendName];
  const check = (backendName === 'tensorflow' ? undefined : JAVASCRIPT_CHECKS[kernelName]) ?? CHECKS[kernelName];
  const ownKernel = OWN[kernelName];
  // A kernel that plain JavaScript lacks has nothing to be compared with.
  const rule = !own ? never : !plain ? always : (computes[kernelName] ?? otherwise);
  const kernelFunc = (given: { inputs: NamedTensorInfoMap; backend: unknown; attrs?: NamedAttrMap }) => {
    const { inputs, attrs = {} } = given;
    const tensors = Object.values(inputs).filter((input) => input !== undefined && input !== null) as TensorInfo[];
    const call: KernelCall = { kernel: kernelName, inputs, tensors, attrs, backend: given.backend as KernelBackend };
    check?.(call);
    const answer = ownKernel?.(core, backendName, call);
    if (answer) return answer;
    if (!rule(call)) return computePlain(core, plain!, call);
    try {
      return own!.kernelFunc(given as Parameters<KernelConfig['kernelFunc']>[0]);
    } catch (error) {
      if (plain && error instanceof Error && refusal?.test(error.message)) return computePlain(core, plain, call);
      throw error;
    }
  };
  return { ...own, kernelName, backendName, kernelFunc };
}
