/** How the process of a version's replica is started. */
import { loadPlugin, PluginError } from '../../runtimes/catalog.js';
import type { HostCommand, HostRequest } from '../../runtimes/contract.js';

/** What hosts of plugins find on this machine. */
export interface HostSettings {
  /** PILOTHOUSE_PYTHON. */
  readonly python: string;
  /** Absolute path of the folder for what they install. */
  readonly cache: string;
}

/**
 * The command of a plugin's own host; undefined where Node hosts its models.
 * @throws ModelLoadError where the version is at fault
 */
export async function hostCommand(runtime: string, modules: readonly string[], request: HostRequest): Promise<HostCommand | undefined> {
  const plugin = await loadPlugin(runtime, modules).catch((error: unknown) => {
    // Node's host says what is wrong with the plugin, where its replicas' reasons are.
    if (error instanceof PluginError) return undefined;
    throw error;
  });
  return plugin?.host?.(request);
}
