/** TensorFlow.js layers and graph models, and with native TensorFlow its SavedModels. */
import { posix } from 'node:path';
import { CONTRACT_VERSION, ModelLoadError, type LoadedModel, type ModelArtifact, type RuntimePlugin } from '../contract.js';
import type { Tensor } from '../tensor.js';
import { loadGraphModel } from './graph-model.js';
import { loadLayersModel } from './layers-model.js';
import { BACKENDS, loadLibrary, type Backend, type Library } from './library.js';
import { modelKind } from './model-json.js';
import { loadSavedModel } from './saved-model.js';
import { loadedModel, type TfModel } from './tf-model.js';

type Loader = (library: Library, artifact: ModelArtifact, sample?: readonly Tensor[]) => Promise<TfModel>;

const LOADERS: Readonly<Record<string, Loader>> = {
  'tfjs-layers': loadLayersModel,
  'tfjs-graph': loadGraphModel,
  'tensorflow-savedmodel': loadSavedModel,
};

const LAYERS = 'layers-model';

/** @param backends those that may be used: all of them, save in tests of one. */
export function createTfjsPlugin(backends: readonly Backend[] = BACKENDS): RuntimePlugin {
  return {
    name: 'tfjs',
    contractVersion: CONTRACT_VERSION,
    formats: [
      {
        name: 'tfjs-layers',
        description:
          'A TensorFlow.js layers model: model.json of format "layers-model", and the weight files that it lists. Another name than model.json will do.',
        files: ['**/*.json'],
        // A model.json that cannot be read is named too: loading it says what is wrong with it.
        recognizes: (path, text) => (modelKind(text) ?? (posix.basename(path) === 'model.json' ? LAYERS : undefined)) === LAYERS,
        priority: 10,
      },
      {
        name: 'tfjs-graph',
        description:
          'A TensorFlow.js graph model: model.json of format "graph-model", and the weight files that it lists. Another name than model.json will do.',
        files: ['**/*.json'],
        recognizes: (_path, text) => modelKind(text) === 'graph-model',
        priority: 5,
      },
      {
        name: 'tensorflow-savedmodel',
        description:
          'A TensorFlow SavedModel: saved_model.pb and its variables, served by its signature "serving_default". Needs native TensorFlow (`npm run build:tfjs-node`).',
        files: ['**/saved_model.pb'],
        priority: 20,
      },
    ],

    async preload(options) {
      const { core } = await loadLibrary(backends, options);
      core.tidy(() => core.matMul(core.ones([4, 4]), core.ones([4, 4])).dataSync());
    },

    async load(artifact, options, signal): Promise<LoadedModel> {
      const loader = LOADERS[artifact.format];
      if (!loader) throw new ModelLoadError(`the format ${artifact.format} is none of this plugin's`);
      const library = await loadLibrary(backends, options);
      signal.throwIfAborted();
      return loadedModel(library, await loader(library, artifact, options.sample));
    },
  };
}

export default createTfjsPlugin();
