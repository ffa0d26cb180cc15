/** What TensorFlow.js saves of a layers model. */
import type { io } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ModelFiles } from './folder.js';

/** As `model.save('downloads://name')` does it in a browser: `name.json` and `name.weights.bin`, the topology first. */
export async function downloadedFiles(tf: { readonly io: typeof io }, model: LayersModel, name: string): Promise<ModelFiles> {
  let artifacts: io.ModelArtifacts | undefined;
  const keep = tf.io.withSaveHandler((given) => {
    artifacts = given;
    return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } });
  });
  await model.save(keep, { includeOptimizer: true });
  const { modelTopology, weightSpecs, weightData, format, generatedBy, convertedBy, trainingConfig } = artifacts!;
  const weightsManifest = [{ paths: [`./${name}.weights.bin`], weights: weightSpecs }];
  return {
    [`${name}.json`]: JSON.stringify({ modelTopology, format, generatedBy, convertedBy, ...(trainingConfig && { trainingConfig }), weightsManifest }),
    [`${name}.weights.bin`]: new Uint8Array(weightData as ArrayBuffer),
  };
}
