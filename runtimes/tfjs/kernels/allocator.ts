/** Makes WebAssembly's allocator fail loudly. */
import type { KernelBackend } from '@tensorflow/tfjs-core';

interface WasmModule {
  _malloc: (bytes: number) => number;
  readonly _free: (address: number) => void;
}

const checked = new WeakSet<WasmModule>();

/**
 * The allocator answers address 0 when there is no memory, and takes a size of 4 GiB or more for a small one. TensorFlow.js looks
 * at neither: it would write the tensor over whatever lies there.
 */
export function checkAllocations(backend: KernelBackend): void {
  const { wasm } = backend as unknown as { readonly wasm: WasmModule };
  if (checked.has(wasm)) return;
  checked.add(wasm);
  // The module's function replaces itself at its first call.
  wasm._free(wasm._malloc(1));
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    const address = bytes < 2 ** 32 ? allocate(bytes) : 0;
    if (address === 0 && bytes > 0) throw new Error(`no memory for a tensor of ${bytes} bytes; WebAssembly has at most 4 GiB for a model and its tensors`);
    return address;
  };
}
