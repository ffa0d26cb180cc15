/** What a replica process is told, as JSON in a file. */
import { readFileSync } from 'node:fs';
import type { SampleTensor } from '../sample.js';
import type { RuntimeOptions } from '../contract.js';
import type { Signature } from '../tensor.js';

export interface HostSpec {
  readonly replicaId: string;
  /** What the replica says it has loaded; the host takes the engine's word for it. */
  readonly versionDigest: string;
  /** Name of the plugin. */
  readonly runtime: string;
  readonly format: string;
  /** Absolute path of the folder that holds the version's files and nothing else. */
  readonly folder: string;
  /** Relative paths with forward slashes. */
  readonly files: readonly string[];
  /** The request whose answer makes the replica READY; null to make one from the signature. */
  readonly sample: readonly SampleTensor[] | null;
  /** Threads of one inference. */
  readonly threads: number;
  /** Inferences under way at a time; more wait in line. */
  readonly maxConcurrency: number;
  readonly socketPath: string;
  /** Outside plugin modules: names, or absolute paths. */
  readonly runtimes: readonly string[];
  /** The backend that validated the version; null where that was not recorded. Absent in files of older servers, as the next two. */
  readonly backend?: string | null;
  /** PILOTHOUSE_TFJS_NODE_CACHE; null where it is not set. */
  readonly nativeCache?: string | null;
  /** What validation read of the model. */
  readonly signature?: Signature | null;
  /** The version's options. Absent in files of older servers, as the next two. */
  readonly options?: RuntimeOptions;
  /** What the version's author declared; null where nothing was. */
  readonly declaredSignature?: Signature | null;
  /** Absolute path of a folder that is removed with the replica. */
  readonly scratch?: string;
  /** The leader's epoch at the start. A DRAIN with a lower one than was ever seen is refused. */
  readonly epoch: number;
}

/** Written beside the spec when the replica ends because it could not start, or because its runtime broke. */
export interface HostOutcome {
  /** The runtime's own message. */
  readonly reason: string;
}

export const OUTCOME_FILE = 'outcome.json';

/** Largest message of a gateway: a request's tensors. A frame's length is a uint32. */
export const MAX_FRAME_BYTES = 0xffff_ffff;

const FIELDS: Readonly<Record<keyof HostSpec, (value: unknown) => boolean>> = {
  replicaId: isText,
  versionDigest: isText,
  runtime: isText,
  format: isText,
  folder: isText,
  files: isTextList,
  sample: (value) => value === null || Array.isArray(value),
  threads: isPositive,
  maxConcurrency: isPositive,
  socketPath: isText,
  runtimes: isTextList,
  backend: isTextOrNothing,
  nativeCache: isTextOrNothing,
  signature: isObjectOrNothing,
  options: isObjectOrNothing,
  declaredSignature: isObjectOrNothing,
  scratch: isTextOrNothing,
  epoch: Number.isSafeInteger,
};

/** @throws Error that names the file and the field. */
export function readHostSpec(path: string): HostSpec {
  const spec = JSON.parse(readFileSync(path, 'utf8')) as Partial<Record<keyof HostSpec, unknown>>;
  for (const [name, fits] of Object.entries(FIELDS)) {
    const value = spec[name as keyof HostSpec];
    if (!fits(value)) throw new Error(`${path}: ${name} is ${JSON.stringify(value)}`);
  }
  return spec as unknown as HostSpec;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isTextOrNothing(value: unknown): boolean {
  return value == null || isText(value);
}

function isObjectOrNothing(value: unknown): boolean {
  return value == null || typeof value === 'object';
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isPositive(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
