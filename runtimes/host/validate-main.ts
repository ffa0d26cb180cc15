/**
 * The validating process: reads one `ValidateRequest` as a line of JSON on standard input, loads the model, sends it one
 * inference, and writes a `ValidateReport` as a line to descriptor 3. Then it looks whether the model's rows are independent, and writes a
 * `RowIndependence` as a second line: whatever happens meanwhile, the model has answered. Its standard error is the log. It ends when
 * its parent has gone: standard input stays open until then.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { sampleFromTensor, type SampleTensor } from '../sample.js';
import type { Signature, Tensor } from '../tensor.js';
import { trapMessage, type LoadedModel } from '../contract.js';
import { runInBackground } from './cpu-share.js';
import { reasonOf } from './error-message.js';
import type { HostedModel } from './hosted-model.js';
import { NoSampleError } from './made-up-sample.js';
import { warmModel, type ModelRequest, type WarmModel } from './model-session.js';
import { rowIndependence, type Infer, type RowIndependence } from './row-independence.js';

export type ValidateRequest = ModelRequest;

/** An output of the validating inference. `data` is null where there is more of it than anybody reads, or bytes that are no text. */
export interface AnsweredTensor extends Omit<SampleTensor, 'data'> {
  readonly data: readonly unknown[] | null;
}

export type ValidateReport =
  | {
      readonly ok: true;
      readonly signature: Signature;
      readonly backend: string;
      /** Name and version of the library behind it, where the plugin says them. */
      readonly library?: string | undefined;
      readonly memoryBytes: number;
      readonly loadMs: number;
      readonly outputs: readonly AnsweredTensor[];
    }
  | {
      readonly ok: false;
      readonly reason: string;
      /** The reason quotes one of several errors that requests made from the signature met: none of them alone tells why. */
      readonly noSample: boolean;
    };

const REPORT_DESCRIPTOR = 3;
const MAX_ELEMENTS = 4096;

runInBackground();
const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => void validate(JSON.parse(line) as ValidateRequest));
lines.once('close', () => process.exit(3));

async function validate(request: ValidateRequest): Promise<void> {
  const { signal } = new AbortController();
  let warm: WarmModel;
  try {
    warm = await warmModel(request, signal, (line) => console.error(line));
  } catch (error) {
    report({ ok: false, reason: reasonOf(error), noSample: error instanceof NoSampleError && !error.alike });
    process.exit(0);
  }
  const { model, signature, loadMs, inputs, outputs } = warm;
  const { backend, library } = model;
  report({ ok: true, signature, backend, library, memoryBytes: await residentBytes(model), loadMs, outputs: outputs.map(answered) });
  report(await rowIndependence(signature, inputs, untilTrap(model)));
  await model.dispose();
  process.exit(0);
}

/** Of the process that holds the model. */
async function residentBytes(model: LoadedModel): Promise<number> {
  return 'residentBytes' in model ? (model as HostedModel).residentBytes() : process.memoryUsage.rss();
}

/** After a trap nothing that the runtime says is worth a comparison: every further inference fails as well. */
function untilTrap(model: LoadedModel): Infer {
  let trap: Error | undefined;
  return async (rows) => {
    if (trap) throw trap;
    try {
      return await model.infer(rows, undefined, new AbortController().signal);
    } catch (error) {
      if (trapMessage(error) !== undefined) trap = new Error(reasonOf(error), { cause: error });
      throw trap ?? error;
    }
  };
}

function report(line: ValidateReport | RowIndependence): void {
  writeAll(Buffer.from(`${JSON.stringify(line)}\n`));
}

function answered(tensor: Tensor): AnsweredTensor {
  const { name, datatype, shape } = tensor;
  if (tensor.data.length > MAX_ELEMENTS) return { name, datatype, shape, data: null };
  try {
    return sampleFromTensor(tensor);
  } catch {
    return { name, datatype, shape, data: null };
  }
}

function writeAll(bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(REPORT_DESCRIPTOR, bytes, at);
}
