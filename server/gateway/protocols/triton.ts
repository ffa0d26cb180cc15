/**
 * What Triton's extensions of the Open Inference Protocol say of models: configuration, statistics, the repository's index. One
 * place for REST and gRPC: the objects have the field names of Triton's protocol buffers, which its JSON has too.
 */
import type { TensorSpec } from '../../../runtimes/tensor.js';
import type { DataPlane } from '../dispatch/data-plane.js';
import type { DurationTotal, ExecutionTotals, TargetStatistics } from '../metering/statistics.js';

/** Triton's names of what both REST and gRPC have. */
export const EXTENSIONS: readonly string[] = ['classification', 'model_configuration', 'model_repository', 'parameters', 'statistics'];

/** Triton calls BYTES a string in a configuration. */
const dataType = (datatype: TensorSpec['datatype']): string => `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`;

/**
 * The model's configuration. With `max_batch_size` above 0 the dimensions leave out the batch dimension, as in Triton.
 * @throws GatewayError NOT_FOUND, UNAVAILABLE
 */
export function modelConfig(dataPlane: DataPlane, name: string, version?: number): Record<string, unknown> {
  const { signature, runtime, format, batching } = dataPlane.targetRoute(name, version);
  // There is no word for an unknown number of dimensions: no dimensions are told then.
  const specOf = ({ name, datatype, shape }: TensorSpec) => ({ name, data_type: dataType(datatype), dims: (shape ?? []).slice(batching ? 1 : 0) });
  return {
    name,
    platform: `${runtime}_${format}`,
    backend: runtime,
    max_batch_size: batching?.maxBatchSize ?? 0,
    input: signature.inputs.map((spec) => ({ ...specOf(spec), ...(spec.optional && { optional: true }) })),
    output: signature.outputs.map(specOf),
    ...(batching && { dynamic_batching: { preferred_batch_size: [], max_queue_delay_microseconds: Math.round(batching.maxDelayMs * 1000) } }),
  };
}

/** Every version that a deployment routes to, and whether it can answer. */
export function repositoryIndex(dataPlane: DataPlane, onlyReady: boolean): { name: string; version: string; state: string; reason: string }[] {
  return dataPlane
    .models()
    .map(({ name, version, ready }) => ({ name, version: String(version), state: ready ? 'READY' : 'UNAVAILABLE', reason: ready ? '' : 'no replica is ready' }))
    .filter(({ state }) => !onlyReady || state === 'READY');
}

/** @throws GatewayError NOT_FOUND */
export function modelStatistics(dataPlane: DataPlane, name?: string, version?: number): { model_stats: Record<string, unknown>[] } {
  return { model_stats: dataPlane.statistics(name, version).map(statisticsOf) };
}

const none: DurationTotal = { count: 0, ns: 0 };

const executionOf = ({ input, compute, output }: ExecutionTotals) => ({ compute_input: input, compute_infer: compute, compute_output: output });

function statisticsOf(of: TargetStatistics): Record<string, unknown> {
  const inference = { success: of.success, fail: of.fail, queue: of.queue, ...executionOf(of.execution) };
  return {
    name: of.model,
    version: String(of.version),
    last_inference: Math.round(of.lastInferenceAt),
    inference_count: of.inferenceCount,
    execution_count: of.executionCount,
    inference_stats: { ...inference, cache_hit: none, cache_miss: none },
    batch_stats: [...of.batches].map(([rows, execution]) => ({ batch_size: rows, ...executionOf(execution) })),
  };
}
