import { loadPlugin } from '../../runtimes/catalog.js';
import type { RuntimePlugin } from '../../runtimes/contract.js';

/** A plugin whose models Node hosts. */
export async function nodePlugin(name: string, modules: readonly string[] = []): Promise<RuntimePlugin> {
  const plugin = await loadPlugin(name, modules);
  if (!('load' in plugin)) throw new Error(`the plugin "${name}" brings its own host`);
  return plugin;
}
