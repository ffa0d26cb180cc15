/** Finds a request that a model answers, where its author gave none: what the signature leaves open is tried in several sizes. */
import { trapMessage, type LoadedModel } from '../contract.js';
import {
  fillingKey,
  fillings,
  inputsFromSignature,
  requestOf,
  shownInputs,
  shownRequest,
  sizedFillings,
  suggestedFillings,
  withRequest,
  type Filling,
} from '../made-up-requests.js';
import type { Signature, Tensor, TensorSpec } from '../tensor.js';

/** A request and the answer to it. */
export interface Answered {
  readonly signature: Signature;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** Thrown when no request made from the signature was answered: the version needs a sample of its author's. */
export class NoSampleError extends Error {
  override readonly name = 'NoSampleError';

  /** @param alike whether the runtime said the same to every request */
  constructor(
    message: string,
    readonly alike: boolean,
    options: ErrorOptions,
  ) {
    super(message, options);
  }
}

const MAX_ATTEMPTS = 200;
const MAX_MS = 15_000;
/** Of those that failed, in the message. */
const SHOWN_ATTEMPTS = 6;

interface Failure {
  readonly filling: Filling;
  readonly inputs: readonly Tensor[];
  readonly message: string;
}

/**
 * Asks the model with the request that its validation has found. Nothing else is tried: a model that answered it once must answer it again.
 * @param recorded the signature as validation left it
 */
export async function answerRecorded(model: LoadedModel, recorded: Signature, signal: AbortSignal): Promise<Answered> {
  const own = new Map(recorded.inputs.map((spec) => [spec.name, spec]));
  const signature = { ...model.signature, inputs: model.signature.inputs.map((spec) => withRecordedRequest(spec, own.get(spec.name))) };
  const inputs = inputsFromSignature(signature);
  return { signature, inputs, outputs: await model.infer(inputs, undefined, signal) };
}

/**
 * Asks the model with requests of different sizes until one is answered.
 * @throws NoSampleError that says what was tried; the model's own error where the signature leaves nothing open
 */
export async function answerMadeUp(model: LoadedModel, signal: AbortSignal): Promise<Answered> {
  const { signature } = model;
  const until = performance.now() + MAX_MS;
  const tried = new Set<string>();
  const failures: Failure[] = [];
  let firstError: unknown;
  const ask = async (filling: Filling): Promise<Answered | undefined> => {
    const key = fillingKey(signature, filling);
    if (tried.has(key) || tried.size >= MAX_ATTEMPTS || performance.now() > until) return undefined;
    tried.add(key);
    const inputs = requestOf(signature, filling);
    try {
      const outputs = await model.infer(inputs, undefined, signal);
      const found = tried.size === 1 ? signature : withRequest(signature, filling);
      return { signature: found, inputs, outputs };
    } catch (error) {
      signal.throwIfAborted();
      // What the runtime says after a trap is worth nothing.
      if (trapMessage(error) !== undefined) throw error;
      firstError ??= error;
      failures.push({ filling, inputs, message: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };
  const usual = fillings(signature);
  const byWeights = usual.slice(0, 3).flatMap((filling) => sizedFillings(signature, filling, model.sizeHints ?? []));
  for (const filling of [usual[0]!, ...byWeights, ...usual]) {
    const answered = await ask(filling);
    if (answered) return answered;
  }
  // Grows meanwhile: a size that the runtime named may lead to the next message.
  for (const { filling, message } of failures) {
    for (const suggested of suggestedFillings(signature, filling, message)) {
      const answered = await ask(suggested);
      if (answered) return answered;
    }
  }
  if (failures.length === 1) throw firstError;
  const alike = failures.every(({ message }) => message === failures[0]!.message);
  throw new NoSampleError(explanation(signature, failures), alike, { cause: firstError });
}

function withRecordedRequest(spec: TensorSpec, recorded: TensorSpec | undefined): TensorSpec {
  const { sampleShape, sampleValue } = recorded ?? {};
  // An input without a shape was once recorded as a scalar, and asked with one.
  if (spec.shape === null && recorded?.shape?.length === 0) return { ...spec, sampleShape: [] };
  return { ...spec, ...(sampleShape && { sampleShape }), ...(sampleValue !== undefined && { sampleValue }) };
}

function explanation(signature: Signature, failures: readonly Failure[]): string {
  const [first] = failures;
  const shown = failures.slice(0, SHOWN_ATTEMPTS).map(({ filling }) => shownRequest(signature, filling));
  const more = failures.length > SHOWN_ATTEMPTS ? `, and ${failures.length - SHOWN_ATTEMPTS} more` : '';
  const example = first!.inputs.map(({ name, datatype }) => `{name: ${JSON.stringify(name)}, datatype: ${JSON.stringify(datatype)}, shape: […], data: […]}`);
  return (
    `the model answered none of the ${failures.length} requests made from its signature: ${shownInputs(signature)}. ` +
    `Give createVersion a \`sample\` that it answers: [${example.join(', ')}]. ` +
    `Tried: ${shown.join('; ')}${more}. To ${shownRequest(signature, first!.filling)} the runtime said: ${first!.message}`
  );
}
