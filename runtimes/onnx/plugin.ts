/** ONNX models through ONNX Runtime's own Node.js binding, on the CPU. */
import { dirname, join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { CONTRACT_VERSION, ModelLoadError, type LoadedModel, type LoadOptions, type ModelArtifact, type RuntimePlugin } from '../contract.js';
import { TensorError, type Signature, type Tensor, type TensorSpec } from '../tensor.js';
import { AlignedMemory } from './aligned-memory.js';
import { splitDefaults } from './defaults.js';
import { datatypeOf, fromOnnx, supportedTypes, toOnnx, unsupportedName } from './datatypes.js';
import { readGraph, type GraphFacts } from './graph.js';
import { dimensionConflict } from './shared-dimensions.js';

type Library = typeof import('onnxruntime-node');
type Feeds = Record<string, ReturnType<typeof toOnnx>>;

/** One Identity node: the smallest model there is, for `preload`. */
const IDENTITY = Buffer.from('CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCAhAR', 'base64');

const plugin: RuntimePlugin = {
  name: 'onnx',
  contractVersion: CONTRACT_VERSION,
  formats: [
    {
      name: 'onnx',
      description: 'An ONNX model: one .onnx file, `model.onnx` where there are several, and the external data files that it names.',
      files: ['**/*.onnx'],
      priority: 10,
    },
  ],

  async preload(options) {
    const library = await importLibrary();
    await (await library.InferenceSession.create(IDENTITY, sessionOptions(options))).release();
  },

  async load(artifact, options, signal) {
    const library = await importLibrary();
    signal.throwIfAborted();
    const path = join(artifact.folder, modelFile(artifact));
    const session = await createSession(library, path, sessionOptions(options));
    const graph = readGraph(path);
    if (graph.optional.size === 0) return new OnnxModel(library, session, readSignature(session, graph), graph.sizeHints, {});
    await session.release();
    const split = splitDefaults(path, graph.optional);
    const inFolder = { ...sessionOptions(options), extra: { session: { model_external_initializers_file_folder_path: dirname(path) } } };
    const defaults = await readDefaults(library, split.defaults, inFolder);
    const open = await createSession(library, split.model, inFolder);
    return new OnnxModel(library, open, readSignature(open, graph), graph.sizeHints, defaults);
  },
};

export default plugin;

class OnnxModel implements LoadedModel {
  readonly backend = 'cpu';
  readonly library: string;
  private readonly outputNames: readonly string[];
  private readonly memory = new AlignedMemory();

  constructor(
    private readonly runtime: Library,
    private readonly session: InferenceSession,
    readonly signature: Signature,
    readonly sizeHints: readonly number[],
    /** Of inputs that a request may leave out. */
    private readonly defaults: Feeds,
  ) {
    this.library = `ONNX Runtime ${runtime.env.versions.common}`;
    this.outputNames = signature.outputs.map((output) => output.name);
  }

  /** The library computes on this thread and cannot be interrupted: the signal is only looked at before. */
  async infer(inputs: readonly Tensor[], requestedOutputs: readonly string[] | undefined, signal: AbortSignal): Promise<Tensor[]> {
    signal.throwIfAborted();
    const wanted = requestedOutputs ?? this.outputNames;
    const memory = this.memory.take(inputs);
    try {
      const feeds: Feeds = { ...this.defaults };
      for (const input of inputs) feeds[input.name] = toOnnx(this.runtime.Tensor, input, memory);
      const results = await this.session.run(feeds, wanted);
      return wanted.map((name) => fromOnnx(name, results[name]!));
    } catch (error) {
      // What is wrong with the request itself was found before the model ran.
      const conflict = error instanceof TensorError ? undefined : dimensionConflict(this.signature, inputs);
      if (conflict === undefined) throw error;
      throw new Error(`${messageOf(error)}; ${conflict}`, { cause: error });
    } finally {
      this.memory.giveBack(memory);
    }
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

async function importLibrary(): Promise<Library> {
  // Else 1.30 tells its maker over the network what it loads; for that it keeps a database and an identifier of the device in the cache folder, and
  // leaves a file in the temporary folder for each process.
  // eslint-disable-next-line no-restricted-properties -- the native library reads nothing but the environment
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  const library = await import('onnxruntime-node');
  library.env.logLevel = 'error';
  return library;
}

function sessionOptions({ threads }: Pick<LoadOptions, 'threads'>): InferenceSession.SessionOptions {
  return { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential', logSeverityLevel: 3 };
}

function modelFile({ files }: ModelArtifact): string {
  const candidates = files.filter((file) => file.endsWith('.onnx'));
  const chosen = candidates.length === 1 ? candidates[0] : candidates.find((file) => file === 'model.onnx');
  if (chosen !== undefined) return chosen;
  if (candidates.length === 0) throw new ModelLoadError(`no .onnx file among ${files.join(', ') || 'no files'}`);
  throw new ModelLoadError(`several .onnx files (${candidates.join(', ')}); the one to load must be called model.onnx`);
}

async function createSession(library: Library, model: string | Buffer, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    // Of two overloads.
    return await (typeof model === 'string' ? library.InferenceSession.create(model, options) : library.InferenceSession.create(model, options));
  } catch (cause) {
    const message = messageOf(cause);
    const number = /^Unsupported data type: (\d+)$/.exec(message)?.[1];
    if (number === undefined) throw new ModelLoadError(message, { cause });
    throw new ModelLoadError(
      `an input or output is of datatype ${unsupportedName(number)}, which is not supported; the supported types are ${supportedTypes()}`,
      {
        cause,
      },
    );
  }
}

/** In memory of their own, which no request's data are copied to. */
async function readDefaults(library: Library, model: Buffer, options: InferenceSession.SessionOptions): Promise<Feeds> {
  const session = await createSession(library, model, options);
  try {
    const values = Object.entries(await session.run({})).map(([name, value]) => fromOnnx(name, value));
    const memory = new AlignedMemory().take(values);
    return Object.fromEntries(values.map((value) => [value.name, toOnnx(library.Tensor, value, memory)]));
  } finally {
    await session.release();
  }
}

function readSignature(session: InferenceSession, graph: GraphFacts): Signature {
  return {
    inputs: session.inputMetadata.map((value) => tensorSpec('input', value, graph)),
    outputs: session.outputMetadata.map((value) => tensorSpec('output', value, graph)),
  };
}

function tensorSpec(kind: 'input' | 'output', value: InferenceSession.ValueMetadata, { withoutShape, optional }: GraphFacts): TensorSpec {
  if (!value.isTensor) {
    throw new ModelLoadError(
      `${kind} "${value.name}" is a sequence, a map or an optional, and only tensors are supported; export the model with tensors (skl2onnx: options={'zipmap': False})`,
    );
  }
  const datatype = datatypeOf(value.type);
  if (!datatype)
    throw new ModelLoadError(`${kind} "${value.name}" is of datatype ${value.type}, which is not supported; the supported types are ${supportedTypes()}`);
  const { name, shape } = value;
  // The library has the same for a scalar and for what has no shape, unless it could infer one.
  const mayBeLeftOut = kind === 'input' && optional.has(name) && { optional: true };
  if (shape.length === 0 && withoutShape.has(name)) return { name, datatype, shape: null, ...mayBeLeftOut };
  // It gives a name, or nothing, for a dimension that may vary.
  const symbols = shape.map((dimension) => (typeof dimension === 'string' && dimension !== '' ? dimension : null));
  const dimensions = shape.map((dimension) => (typeof dimension === 'number' && dimension >= 0 ? dimension : -1));
  return { name, datatype, shape: dimensions, ...(symbols.some((symbol) => symbol !== null) && { symbols }), ...mayBeLeftOut };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
