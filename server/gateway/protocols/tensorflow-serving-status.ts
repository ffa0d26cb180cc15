/** What TensorFlow Serving and KServe V1 tell of a model: its versions' states, and its signature in TensorFlow's words. */
import type { Datatype, TensorSpec } from '../../../runtimes/tensor.js';
import type { DataPlane } from '../dispatch/data-plane.js';

const DTYPE: Partial<Record<Datatype, string>> = { FP16: 'DT_HALF', FP32: 'DT_FLOAT', FP64: 'DT_DOUBLE', BYTES: 'DT_STRING' };

/**
 * TensorFlow Serving's `model_version_status` and KServe V1's `name` and `ready` in one object.
 * @throws GatewayError NOT_FOUND, UNAVAILABLE
 */
export function modelStatus(dataPlane: DataPlane, name: string, version?: number): Record<string, unknown> {
  const ready = dataPlane.modelReady(name, version);
  const statuses = dataPlane
    .models()
    .filter((model) => model.name === name && (version === undefined || model.version === version))
    .map((model) => ({ version: String(model.version), state: model.ready ? 'AVAILABLE' : 'LOADING', status: { error_code: 'OK', error_message: '' } }));
  return { name, ready, model_version_status: statuses };
}

/** @throws GatewayError NOT_FOUND, UNAVAILABLE */
export function signatureMetadata(dataPlane: DataPlane, name: string, version: number | undefined, signatureName: string): Record<string, unknown> {
  const { signature, versionNumber } = dataPlane.targetRoute(name, version);
  const definition = { inputs: specsOf(signature.inputs), outputs: specsOf(signature.outputs), method_name: 'tensorflow/serving/predict' };
  return {
    model_spec: { name, signature_name: '', version: String(versionNumber) },
    metadata: { signature_def: { signature_def: { [signatureName]: definition } } },
  };
}

function specsOf(specs: readonly TensorSpec[]): Record<string, unknown> {
  return Object.fromEntries(
    specs.map(({ name, datatype, shape }) => {
      const dim = (shape ?? []).map((size) => ({ size: String(size), name: '' }));
      return [name, { dtype: DTYPE[datatype] ?? `DT_${datatype}`, tensor_shape: { dim, unknown_rank: shape === null }, name }];
    }),
  );
}
