/** Which runtime plugins there are: the built-in ones, and outside modules that configuration names. */
import { createRequire } from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CONTRACT_VERSION, type AnyPlugin, type FormatSpec, type HostedPlugin, type RuntimePlugin } from './contract.js';
import { matchesGlob } from './glob.js';

/** Each is imported only when it is needed: a replica pays for its own plugin and no other. */
const BUILT_IN: Readonly<Record<string, () => Promise<{ default: AnyPlugin }>>> = {
  onnx: () => import('./onnx/plugin.js'),
  tfjs: () => import('./tfjs/plugin.js'),
  python: () => import('./python/plugin.js'),
};

/** Thrown when a configured plugin cannot be used: names the plugin as configured, where it lies, and why. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
}

export class RuntimeCatalog {
  private readonly byFormat = new Map<string, AnyPlugin>();
  private readonly byName = new Map<string, AnyPlugin>();

  /** @throws PluginError for a name or a format that two plugins claim. */
  constructor(readonly plugins: readonly AnyPlugin[]) {
    for (const plugin of plugins) {
      if (this.byName.has(plugin.name)) throw new PluginError(`two runtime plugins have the name "${plugin.name}"`);
      this.byName.set(plugin.name, plugin);
      for (const format of plugin.formats) {
        const other = this.byFormat.get(format.name);
        if (other) throw new PluginError(`the format "${format.name}" is claimed by the runtime plugins "${other.name}" and "${plugin.name}"`);
        this.byFormat.set(format.name, plugin);
      }
    }
  }

  get formats(): readonly FormatSpec[] {
    return this.plugins.flatMap((plugin) => plugin.formats);
  }

  plugin(name: string): AnyPlugin | undefined {
    return this.byName.get(name);
  }

  pluginFor(format: string): AnyPlugin | undefined {
    return this.byFormat.get(format);
  }

  /**
   * The format of highest priority all of whose patterns match some file, and that recognizes one of them where it looks into files.
   * @param read a file's text; undefined where it is too long to be looked into
   */
  async detect(files: readonly string[], read: (path: string) => Promise<string | undefined>): Promise<FormatSpec | undefined> {
    for (const format of [...this.formats].sort((a, b) => b.priority - a.priority)) {
      if (!format.files.every((pattern) => files.some((file) => matchesGlob(pattern, file)))) continue;
      if (!format.recognizes || (await recognizesOne(format, files, read))) return format;
    }
    return undefined;
  }
}

async function recognizesOne(
  { files: patterns, recognizes }: FormatSpec,
  files: readonly string[],
  read: (path: string) => Promise<string | undefined>,
): Promise<boolean> {
  for (const file of files.filter((path) => patterns.some((pattern) => matchesGlob(pattern, path)))) {
    const text = await read(file);
    if (text !== undefined && recognizes!(file, text)) return true;
  }
  return false;
}

/**
 * All plugins.
 * @param modules module names, or paths (absolute, or relative to `from` with a leading `./` or `../`)
 * @throws PluginError for the first module that is missing, broken, malformed, or claims what is taken
 */
export async function loadCatalog(modules: readonly string[], from = process.cwd()): Promise<RuntimeCatalog> {
  const builtIn = Object.values(BUILT_IN).map(async (load) => (await load()).default);
  const plugins = await Promise.all(builtIn);
  for (const module of modules) plugins.push(await importPlugin(module, from));
  return new RuntimeCatalog(plugins);
}

/**
 * One plugin by its name; of the built-in ones no other is imported.
 * @throws PluginError when no plugin has that name, or a module that had to be looked into is unusable
 */
export async function loadPlugin(name: string, modules: readonly string[], from = process.cwd()): Promise<AnyPlugin> {
  if (Object.hasOwn(BUILT_IN, name)) return (await BUILT_IN[name]!()).default;
  for (const module of modules) {
    const plugin = await importPlugin(module, from);
    if (plugin.name === name) return plugin;
  }
  throw new PluginError(
    `no runtime plugin "${name}": there are ${Object.keys(BUILT_IN).join(', ')}${modules.length > 0 ? ` and what ${modules.join(', ')} bring` : ''}`,
  );
}

/** Modules as they can be handed to a process with another working directory: paths become absolute, names stay. */
export function absoluteModules(modules: readonly string[], from = process.cwd()): string[] {
  return modules.map((module) => (isPath(module) && !module.startsWith('file:') ? resolve(from, module) : module));
}

const isPath = (module: string): boolean => isAbsolute(module) || /^(\.\.?\/|file:)/.test(module);

async function importPlugin(module: string, from: string): Promise<AnyPlugin> {
  const { url, path } = locate(module, from);
  const where = `runtime plugin "${module}" (${path})`;
  let exported: { default?: unknown };
  try {
    exported = (await import(url)) as { default?: unknown };
  } catch (cause) {
    throw new PluginError(`${where} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const problem = malformed(exported.default);
  if (problem) throw new PluginError(`${where} is malformed: ${problem}`);
  return exported.default as AnyPlugin;
}

function locate(module: string, from: string): { url: string; path: string } {
  if (module.startsWith('file:')) return { url: module, path: fileURLToPath(module) };
  if (isPath(module)) return { url: pathToFileURL(resolve(from, module)).href, path: resolve(from, module) };
  // A package beside the place where Pilothouse was started comes first; then what lies beside Pilothouse itself.
  try {
    const path = createRequire(join(from, 'package.json')).resolve(module);
    return { url: pathToFileURL(path).href, path };
  } catch {
    return { url: module, path: `package ${module}` };
  }
}

/** What keeps a value from being a plugin; undefined when nothing does. */
function malformed(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null)
    return `its default export is ${value === undefined ? 'missing' : `a ${typeof value}`}, and must be a RuntimePlugin object`;
  const plugin = value as Partial<Record<keyof (RuntimePlugin & HostedPlugin), unknown>>;
  if (typeof plugin.name !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(plugin.name))
    return `name must be a string like "onnx" (lower case, digits, hyphens), not ${show(plugin.name)}`;
  if (plugin.contractVersion !== CONTRACT_VERSION)
    return `it was written for contract version ${show(plugin.contractVersion)}; this Pilothouse speaks ${CONTRACT_VERSION}`;
  if (plugin.optionsSchema !== undefined && !isSchema(plugin.optionsSchema))
    return `optionsSchema must be a Standard Schema of version 1, such as a zod schema, not ${show(plugin.optionsSchema)}`;
  if (plugin.host !== undefined && typeof plugin.host !== 'function') return `host must be a function or absent, not ${show(plugin.host)}`;
  if (typeof plugin.load !== 'function' && (plugin.load !== undefined || plugin.host === undefined)) return `load must be a function, not ${show(plugin.load)}`;
  if (plugin.preload !== undefined && typeof plugin.preload !== 'function') return `preload must be a function or absent, not ${show(plugin.preload)}`;
  if (!Array.isArray(plugin.formats) || plugin.formats.length === 0) return `formats must be a list of at least one format, not ${show(plugin.formats)}`;
  for (const [i, entry] of (plugin.formats as unknown[]).entries()) {
    const format = (entry ?? {}) as Partial<Record<keyof FormatSpec, unknown>>;
    const at = `formats[${i}]`;
    if (typeof format.name !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(format.name))
      return `${at}.name must be a string like "onnx", not ${show(format.name)}`;
    if (typeof format.description !== 'string') return `${at}.description must be a string, not ${show(format.description)}`;
    if (typeof format.priority !== 'number' || !Number.isFinite(format.priority)) return `${at}.priority must be a number, not ${show(format.priority)}`;
    if (format.recognizes !== undefined && typeof format.recognizes !== 'function')
      return `${at}.recognizes must be a function or absent, not ${show(format.recognizes)}`;
    const patterns = format.files;
    if (!Array.isArray(patterns) || patterns.length === 0 || !patterns.every((p) => typeof p === 'string' && p !== '')) {
      return `${at}.files must be a list of glob patterns, not ${show(patterns)}`;
    }
  }
  return undefined;
}

function isSchema(value: unknown): boolean {
  const standard = (value as { '~standard'?: { version?: unknown; validate?: unknown } } | null)?.['~standard'];
  return standard?.version === 1 && typeof standard.validate === 'function';
}

const show = (value: unknown): string => (value === undefined ? 'undefined' : typeof value === 'function' ? 'a function' : JSON.stringify(value));
