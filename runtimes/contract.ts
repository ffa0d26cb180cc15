/**
 * What a runtime plugin is. A plugin turns one model artifact into something that answers inferences, and nothing else:
 * process isolation, batching, limits and metering are done around it.
 */
import type { Signature, Tensor } from './tensor.js';

/** Raised whenever a plugin written for an older contract would no longer work. */
export const CONTRACT_VERSION = 2;

/** One kind of model file that a plugin can load. */
export interface FormatSpec {
  /** The name a version is registered with, for example `onnx`. Unique over all plugins. */
  readonly name: string;
  readonly description: string;
  /**
   * Glob patterns over the version's relative file paths (`*` within a folder, `**` across folders). A version whose
   * format is not given belongs to the format of highest priority all of whose patterns match some file.
   */
  readonly files: readonly string[];
  /**
   * Optional: whether a file that matches a pattern holds a model of this format, where its name does not say it. The format is then
   * taken only if this is true of one of them. It is called in the server's process, with files of at most 64 MiB: it must be fast, and must not throw.
   */
  readonly recognizes?: (path: string, text: string) => boolean;
  readonly priority: number;
}

/** Options of a version, by name: JSON values. */
export type RuntimeOptions = Readonly<Record<string, unknown>>;

/**
 * What options a plugin takes, in the form of Standard Schema 1 (standardschema.dev): a schema of zod, Valibot or ArkType is one. What it
 * gives for the options of a version, defaults included, is kept with the version and never changes.
 */
export interface OptionsSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly validate: (value: unknown) => OptionsResult | Promise<OptionsResult>;
  };
}

export type OptionsResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined }[] };

/** A model's files, in a folder that holds nothing else. */
export interface ModelArtifact {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** Relative paths of the files in it, with forward slashes. */
  readonly files: readonly string[];
  readonly format: string;
}

export interface LoadOptions {
  /** How many threads one inference may use. */
  readonly threads: number;
  /**
   * The backend that validated the version: no other may compute, since its answers and how they depend on one another would differ. `load`
   * throws where it is not available. null: validated before that was recorded. Absent: the plugin's choice, which is recorded.
   */
  readonly backend?: string | null | undefined;
  /** The folder of native builds that PILOTHOUSE_TFJS_NODE_CACHE names, where it is set. */
  readonly nativeCache?: string | undefined;
  /** The version's options, as the plugin's schema gave them; empty for a plugin without one. */
  readonly options: RuntimeOptions;
  /** The signature that the version's author declared, for files that do not say their own. A model that contradicts it is refused. */
  readonly declaredSignature?: Signature | undefined;
  /** Absolute path of an empty folder that the plugin may write to. It is removed with the replica, or after the validation. */
  readonly scratch: string;
  /** The version's sample, where its author gave one: for a model that does not say itself what its outputs are like. */
  readonly sample?: readonly Tensor[] | undefined;
  /** A line for the replica's log. */
  readonly log: (line: string) => void;
}

/** What there is before there is a version. */
export type PreloadOptions = Omit<LoadOptions, 'options' | 'declaredSignature' | 'scratch' | 'sample'>;

/** A model in memory, ready to answer. */
export interface LoadedModel {
  readonly signature: Signature;
  /** What computes: `cpu`, `tensorflow`, `wasm`... It is recorded on the version, and replicas are told to use the same. */
  readonly backend: string;
  /** Name and version of the library behind it, for people to read. */
  readonly library?: string | undefined;
  /**
   * Answers one request.
   * @param inputs one tensor for each input of the signature, already checked against it.
   * @param requestedOutputs names of the outputs wanted, in order; undefined for all of them, in the signature's order.
   * @param signal aborts what can still be aborted; a plugin whose library cannot be interrupted may ignore it.
   */
  infer(inputs: readonly Tensor[], requestedOutputs: readonly string[] | undefined, signal: AbortSignal): Promise<Tensor[]>;
  /** Optional: sizes of the weights that meet the inputs first. A request made from the signature tries them for dimensions that may vary. */
  readonly sizeHints?: readonly number[];
  /** Bytes the model holds, where the library tells. */
  memoryBytes?(): number;
  dispose(): Promise<void>;
}

/** How the processes of a plugin that brings its own host are started. The host answers the frames of `open-inference/frame.ts` on its replica's socket. */
export interface HostCommand {
  /** Absolute path of the program, and its arguments. The path of a `HostSpec` as JSON follows as the last one. */
  readonly command: readonly string[];
  /** Variables beside the few that every process of a model gets. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Optional: arguments in place of the spec's path, with which the program loads its libraries, prints `idle <bytes> <bytes>` as its last line, and
   * ends: the bytes that RLIMIT_DATA counts, and those that are resident. Memory limits are counted on top of them.
   */
  readonly idle?: readonly string[];
}

export interface HostRequest {
  readonly artifact: ModelArtifact;
  readonly options: RuntimeOptions;
  /** Threads of one inference. */
  readonly threads: number;
  /** The Python interpreter that PILOTHOUSE_PYTHON names: a path, or a name on the PATH. */
  readonly python: string;
  /** Absolute path of a folder for what is installed. It outlives versions and is shared by the servers of a home. */
  readonly cache: string;
  readonly signal: AbortSignal;
  /** What takes long, in a line for people. */
  readonly progress: (line: string) => void;
}

/** What is common to all plugins. */
export interface PluginFacts {
  /** Unique over all plugins, for example `onnx`. */
  readonly name: string;
  /** The `CONTRACT_VERSION` it was written for. */
  readonly contractVersion: number;
  readonly formats: readonly FormatSpec[];
  /** Optional: the options that a version may have. Without it, a version with options is refused. */
  readonly optionsSchema?: OptionsSchema;
}

/** A plugin whose models a host of its own loads, in another language than JavaScript or with another command than Node's. */
export interface HostedPlugin extends PluginFacts {
  /**
   * Called in the server's process before a version is validated and before each start of a replica. It may install what the version needs,
   * once: the next call must find it.
   * @throws ModelLoadError where the version is at fault: it is REJECTED with this message
   */
  host(request: HostRequest): Promise<HostCommand>;
}

/** A runtime plugin that Node hosts. With a `host` of its own as well, that command loads it. */
export interface RuntimePlugin extends PluginFacts {
  readonly host?: HostedPlugin['host'];
  /**
   * Optional: loads the native library without a model and does with it the least that a session does, so that what the
   * runtime needs idle can be measured and added to a memory limit. Without it, the library counts into the model's budget.
   */
  preload?(options: PreloadOptions): Promise<void>;
  /**
   * Loads a model. The native library is imported in here, never at the top of the module, so that listing plugins costs
   * nothing and a broken library is the failure of a version and not of the server.
   * @throws ModelLoadError, or the library's own error, when the artifact cannot be loaded.
   */
  load(artifact: ModelArtifact, options: LoadOptions, signal: AbortSignal): Promise<LoadedModel>;
}

/** The default export of a plugin's module. */
export type AnyPlugin = RuntimePlugin | HostedPlugin;

/** Thrown by `load` and `host` when the artifact is at fault: the version is REJECTED with this message. */
export class ModelLoadError extends Error {
  override readonly name = 'ModelLoadError';
}

/**
 * Thrown by `load` or `infer` when the runtime must not be used any more: its process ends and the replica is replaced. Every other
 * error of `infer` is taken for the request's fault as long as the sample is still answered.
 *
 * It is told by its name, because a plugin from outside has no class of ours: `Object.assign(new Error(...), { name: 'RuntimeTrapError' })`
 * works too. A `WebAssembly.RuntimeError` and an uncaught error always count as a trap and need not be wrapped.
 */
export class RuntimeTrapError extends Error {
  override readonly name = 'RuntimeTrapError';
}

/** What is needed of it: its types come with the browser's, which nothing here runs in. */
declare const WebAssembly: { readonly RuntimeError: new (message?: string) => Error };

const isWebAssemblyTrap = (error: unknown): boolean => error instanceof WebAssembly.RuntimeError;

/** Causes that are looked at: a chain may lead back to itself. */
const MAX_CAUSES = 8;

/** What a trap says, its causes included; undefined for an error after which the runtime may still be used. */
export function trapMessage(error: unknown): string | undefined {
  const messages: string[] = [];
  for (let at = error; at instanceof Error && messages.length < MAX_CAUSES; at = at.cause) {
    messages.push(at.message);
    if (isWebAssemblyTrap(at) || at.name === 'RuntimeTrapError') return messages.join(': ');
  }
  return undefined;
}
