/** Whether each runtime loads. */
import { loadCatalog } from '../../runtimes/catalog.js';
import type { Config } from '../config.js';
import { explain } from '../lifecycle/terminal.js';
import { failed, ok, type Result } from './finding.js';

/** The library behind each built-in plugin: a plugin imports it only when it loads a model. */
const LIBRARIES: Readonly<Record<string, () => Promise<unknown>>> = {
  onnx: () => import('onnxruntime-node'),
  tfjs: () => import('@tensorflow/tfjs-core'),
};

export async function checkRuntimes({ runtimes }: Config): Promise<Result> {
  try {
    const { plugins } = await loadCatalog(runtimes);
    for (const { name } of plugins) {
      try {
        await LIBRARIES[name]?.();
      } catch (error) {
        return failed(`${name} does not load: ${explain(error)}`, 'install the dependencies again, for this platform: npm ci');
      }
    }
    return ok(plugins.map(({ name, formats }) => `${name} (${formats.map((format) => format.name).join(', ')})`).join('; '));
  } catch (error) {
    return failed(explain(error), 'correct PILOTHOUSE_RUNTIMES, or install the module that it names');
  }
}
