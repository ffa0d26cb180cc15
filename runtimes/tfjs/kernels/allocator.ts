/** Makes WebAssembly's allocator fail loudly, and hand out clean memory. */
import type { DataType, KernelBackend, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';

interface WasmModule {
  _malloc: (bytes: number) => number;
  readonly _free: (address: number) => void;
}

interface WasmBackend extends KernelBackend {
  readonly wasm: WasmModule;
  makeOutput(shape: number[], dtype: DataType, memoryOffset?: number, values?: unknown): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): TypedArray;
}

const guarded = new WeakSet<KernelBackend>();

/** To be called once the backend has started; a second call changes nothing. */
export function guardMemory(backend: KernelBackend): void {
  if (guarded.has(backend)) return;
  guarded.add(backend);
  checkAllocations((backend as WasmBackend).wasm);
  clearOutputs(backend as WasmBackend);
}

/**
 * The allocator answers address 0 when there is no memory, and takes a size of 4 GiB or more for a small one. TensorFlow.js looks
 * at neither: it would write the tensor over whatever lies there.
 */
function checkAllocations(wasm: WasmModule): void {
  // The module's function replaces itself at its first call.
  wasm._free(wasm._malloc(1));
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    const address = bytes < 2 ** 32 ? allocate(bytes) : 0;
    if (address === 0 && bytes > 0) throw new Error(`no memory for a tensor of ${bytes} bytes; WebAssembly has at most 4 GiB for a model and its tensors`);
    return address;
  };
}

/**
 * Fills each kernel's result with zeros before the kernel writes it. XNNPACK reports a failure to the log alone and leaves the
 * result as it is: it would be what another request left there.
 */
function clearOutputs(backend: WasmBackend): void {
  const make = backend.makeOutput.bind(backend);
  backend.makeOutput = (shape, dtype, memoryOffset, values) => {
    const output = make(shape, dtype, memoryOffset, values);
    if (dtype !== 'string' && memoryOffset === undefined && values === undefined) backend.typedArrayFromHeap(output).fill(0);
    return output;
  };
}
