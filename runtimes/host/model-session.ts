/** From a version's files to a model that has answered once: what a replica and a validation both do. */
import { loadPlugin } from '../catalog.js';
import type { HostCommand, LoadedModel, ModelArtifact, RuntimeOptions } from '../contract.js';
import { tensorFromSample, type SampleTensor } from '../sample.js';
import { answerMadeUp, answerRecorded, type Answered } from './made-up-sample.js';
import { loadHosted } from './hosted-model.js';
import { assertDeclared } from './declared-signature.js';
import { underRecordedNames } from './recorded-names.js';
import { assertInputs, assertTensor, TensorError, type Signature, type Tensor } from '../tensor.js';

export interface ModelRequest {
  readonly runtime: string;
  readonly format: string;
  readonly folder: string;
  readonly files: readonly string[];
  readonly sample: readonly SampleTensor[] | null;
  readonly threads: number;
  readonly runtimes: readonly string[];
  /** See `LoadOptions.backend`. */
  readonly backend?: string | null | undefined;
  readonly nativeCache?: string | null | undefined;
  /** What validation read, whose names a version keeps; null or absent where there is nothing to keep. */
  readonly signature?: Signature | null | undefined;
  readonly options?: RuntimeOptions | undefined;
  /** See `LoadOptions.declaredSignature`; null where nothing was declared. */
  readonly declaredSignature?: Signature | null | undefined;
  readonly scratch: string;
  /** The plugin's own host; absent where this process loads the model. */
  readonly host?: HostCommand | undefined;
}

export interface WarmModel {
  readonly model: LoadedModel;
  /** The model's, with the shapes of a request made from it. */
  readonly signature: Signature;
  /** From the import of the plugin to the model in memory. */
  readonly loadMs: number;
  /** What the model was asked: the sample, or a request made from its signature. */
  readonly inputs: readonly Tensor[];
  /** The answer to it. */
  readonly outputs: readonly Tensor[];
}

/**
 * Loads the model and sends it the sample, or a request made from its signature.
 * @throws Error whose message says what the model or the sample lacks
 */
export async function warmModel(request: ModelRequest, signal: AbortSignal, log: (line: string) => void): Promise<WarmModel> {
  const started = performance.now();
  const sample = request.sample === null ? undefined : sampleTensors(request.sample);
  const loaded = request.host ? await loadHosted(request.host, request, signal) : await loadHere(request, sample, signal, log);
  const model = underRecordedNames(loaded, request.signature);
  const loadMs = performance.now() - started;
  assertSignature(model.signature);
  if (request.declaredSignature) assertDeclared(request.declaredSignature, loaded.signature);
  const { signature, inputs, outputs } = await answer(model, request, sample, signal);
  assertAnswer(signature, outputs);
  // After an inference: a backend may have found only then that it cannot compute the model.
  assertBackend(model, request.backend);
  return { model, signature, loadMs, inputs, outputs };
}

async function loadHere(request: ModelRequest, sample: readonly Tensor[] | undefined, signal: AbortSignal, log: (line: string) => void): Promise<LoadedModel> {
  const plugin = await loadPlugin(request.runtime, request.runtimes);
  if (!('load' in plugin)) throw new Error(`the runtime "${plugin.name}" brings its own host, and this is Node's`);
  const artifact: ModelArtifact = { folder: request.folder, files: request.files, format: request.format };
  const { threads, backend, nativeCache, options = {}, scratch } = request;
  const declaredSignature = request.declaredSignature ?? undefined;
  return plugin.load(artifact, { threads, log, backend, nativeCache: nativeCache ?? undefined, options, declaredSignature, scratch, sample }, signal);
}

function assertBackend({ backend }: LoadedModel, pinned: string | null | undefined): void {
  if (pinned == null || backend === pinned) return;
  throw new Error(
    `the version was validated on the backend ${pinned}, and here ${backend} computes it; register the version again to have it validated on ${backend}`,
  );
}

async function answer(model: LoadedModel, { signature }: ModelRequest, sample: readonly Tensor[] | undefined, signal: AbortSignal): Promise<Answered> {
  if (sample) return answerSample(model, sample, signal);
  return signature ? answerRecorded(model, signature, signal) : answerMadeUp(model, signal);
}

async function answerSample(model: LoadedModel, inputs: readonly Tensor[], signal: AbortSignal): Promise<Answered> {
  const { signature } = model;
  fitting(() => assertInputs(signature, inputs));
  return { signature, inputs, outputs: await model.infer(inputs, undefined, signal) };
}

const sampleTensors = (sample: readonly SampleTensor[]): Tensor[] => fitting(() => sample.map((tensor, i) => tensorFromSample(tensor, `sample[${i}]`)));

function fitting<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof TensorError) throw new Error(`the sample does not fit the model: ${error.message}`, { cause: error });
    throw error;
  }
}

/** What a plugin says of its model is passed on to every client: a contradiction must not get that far. */
function assertSignature({ inputs, outputs }: Signature): void {
  for (const [kind, specs] of [
    ['input', inputs],
    ['output', outputs],
  ] as const) {
    const names = specs.map((spec) => spec.name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new Error(`the model has two ${kind}s called "${twice}"`);
  }
  if (outputs.length === 0) throw new Error('the model has no output');
}

function assertAnswer(signature: Signature, outputs: readonly Tensor[]): void {
  const given = outputs.map((output) => output.name).join(', ');
  const declared = signature.outputs.map((output) => output.name).join(', ');
  if (given !== declared) throw new Error(`the model answered with the outputs ${given || 'none'}, and its signature says ${declared}`);
  outputs.forEach((output, i) => {
    assertTensor(output);
    const spec = signature.outputs[i]!;
    if (output.datatype !== spec.datatype) throw new Error(`output "${output.name}" came as ${output.datatype}, and the signature says ${spec.datatype}`);
  });
}
