/** TensorFlow.js with the fastest backend that loads here: native TensorFlow, else WebAssembly with SIMD, else plain JavaScript. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import type { PreloadOptions } from '../contract.js';
import { guardMemory } from './kernels/allocator.js';
import { installKernels } from './kernels/install.js';
import { bindingOf, chosenBuild, sharedBuild } from './native-cache.js';

export type Core = typeof import('@tensorflow/tfjs-core');
export type Layers = typeof import('@tensorflow/tfjs-layers');
export type Converter = typeof import('@tensorflow/tfjs-converter');

/** In the order in which they are tried. */
export const BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** The part of a SavedModel's protobuf messages that is read here, as @tensorflow/tfjs-node hands them out. */
export interface TensorInfoMessage {
  getDtype(): number;
  getTensorShape(): { getUnknownRank(): boolean; getDimList(): readonly { getSize(): number }[] } | undefined;
}

export interface ProtoMap<T> {
  keys(): Iterator<string>;
  get(key: string): T;
}

export interface SavedModelMessage {
  getMetaGraphsList(): readonly {
    getMetaInfoDef(): { getTagsList(): readonly string[] };
    getSignatureDefMap(): ProtoMap<{ getInputsMap(): ProtoMap<TensorInfoMessage>; getOutputsMap(): ProtoMap<TensorInfoMessage> }>;
  }[];
}

export interface SavedModelHandle {
  readonly signature: { readonly inputs: Record<string, { tfDtype: string }> };
  predict(inputs: Record<string, import('@tensorflow/tfjs-core').Tensor>): Record<string, import('@tensorflow/tfjs-core').Tensor>;
  dispose(): void;
}

/** What only the native package has. */
export interface NativeNode {
  /** Not `getMetaGraphsFromSavedModel`, which cannot tell a scalar from a shape that is not known. */
  readSavedModelProto(path: string): Promise<SavedModelMessage>;
  loadSavedModel(path: string, tags: string[], signature: string): Promise<SavedModelHandle>;
}

export interface Library {
  readonly core: Core;
  readonly layers: () => Layers;
  readonly converter: () => Converter;
  /** Only with native TensorFlow. */
  readonly node: NativeNode | undefined;
}

/** CommonJS on purpose: importing these packages as ES modules takes three times as long (200 ms instead of 70). */
const require = createRequire(import.meta.url);

/**
 * @param allowed backends that may be used
 * @throws Error that says why each of them could not
 */
export async function loadLibrary(allowed: readonly Backend[], options: PreloadOptions): Promise<Library> {
  const { backend: pinned } = options;
  const refusals: string[] = [];
  for (const backend of BACKENDS.filter((name) => allowed.includes(name) && (pinned == null || name === pinned))) {
    try {
      const library = backend === 'tensorflow' ? loadNative(options) : await loadJavaScript(backend);
      // A backend that cannot start is replaced by another without a word.
      const chosen = library.core.getBackend();
      if (chosen !== backend) throw new Error(`TensorFlow.js took ${chosen} instead`);
      if (refusals.length > 0) options.log(`TensorFlow.js computes with ${backend}; ${refusals.join('; ')}`);
      return library;
    } catch (error) {
      refusals.push(`${backend}: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`);
    }
  }
  if (pinned == null) throw new Error(`no TensorFlow.js backend loads: ${refusals.join('; ')}`);
  const reasons = refusals.length > 0 ? refusals.join('; ') : `${pinned}: the runtime does not have it`;
  throw new Error(
    `the version was validated on the backend ${pinned}, which is not available here: ${reasons}. Make it available, or register the version again to have it validated on what there is`,
  );
}

/** Name and version of what computes. */
export function libraryOf(core: Core): string {
  if (core.getBackend() !== 'tensorflow') return `TensorFlow.js ${core.version_core}`;
  const { binding } = core.backend() as unknown as { readonly binding: { readonly TF_Version: string } };
  return `TensorFlow ${binding.TF_Version} (tfjs-node ${core.version_core})`;
}

function loadNative(options: PreloadOptions): Library {
  const { threads } = options;
  const path = nativePackage(options);
  if (path === undefined) throw new Error(NATIVE_MISSING);
  restoreUtil();
  setEnvironment({ TF_CPP_MIN_LOG_LEVEL: '2', TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: '1', OMP_NUM_THREADS: String(threads) });
  // One object has everything: @tensorflow/tfjs-node brings its own copies of core, layers and converter.
  const tf = require(path) as Core & Layers & Converter;
  installKernels(tf, 'tensorflow');
  return { core: tf, layers: () => tf, converter: () => tf, node: require(join(path, 'dist', 'saved_model.js')) as NativeNode };
}

export const NATIVE_MISSING =
  'this installation has no native TensorFlow; `npm run build:tfjs-node` builds it from registry packages (Linux x64, about half a minute), ' +
  'PILOTHOUSE_TFJS_NODE_CACHE names the folder of a build, or install @tensorflow/tfjs-node beside Pilothouse with its install script allowed';

/** A package that was installed with its binding, else the build that this installation chose. */
function nativePackage({ backend, nativeCache }: PreloadOptions): string | undefined {
  try {
    const installed = dirname(require.resolve('@tensorflow/tfjs-node/package.json'));
    if (existsSync(bindingOf(installed))) return installed;
  } catch {
    // Not installed, which is usual.
  }
  // A version that was validated before backends were recorded goes on with what servers took then.
  return (chosenBuild(nativeCache) ?? (backend === null ? sharedBuild() : undefined))?.packagePath;
}

/** Functions that Node 23 took away and on which nearly every operation of @tensorflow/tfjs-node 4.22 rests. */
function restoreUtil(): void {
  const gone = util as unknown as Record<string, unknown>;
  gone['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  gone['isArray'] ??= Array.isArray;
}

/** Read by the native library when it is loaded. What the operator has set stays. */
function setEnvironment(values: Readonly<Record<string, string>>): void {
  // eslint-disable-next-line no-restricted-properties -- the native library reads nothing but the environment
  for (const [name, value] of Object.entries(values)) process.env[name] ??= value;
}

async function loadJavaScript(backend: 'wasm' | 'cpu'): Promise<Library> {
  const core = require('@tensorflow/tfjs-core') as Core;
  if (backend === 'wasm') {
    const path = require.resolve('@tensorflow/tfjs-backend-wasm');
    (require(path) as typeof import('@tensorflow/tfjs-backend-wasm')).setWasmPaths(join(dirname(path), '/'));
  }
  require('@tensorflow/tfjs-backend-cpu');
  installKernels(core, backend);
  await use(core, backend);
  if (backend === 'wasm') guardMemory(core.backend());
  return {
    core,
    layers: () => require('@tensorflow/tfjs-layers') as Layers,
    converter: () => require('@tensorflow/tfjs-converter') as Converter,
    node: undefined,
  };
}

async function use(core: Core, backend: Backend): Promise<void> {
  if (!(await core.setBackend(backend))) throw new Error('it does not start');
  await core.ready();
}
