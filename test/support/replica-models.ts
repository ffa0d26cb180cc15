/** Models that tests give to a replica. */
import { fileURLToPath } from 'node:url';

/** Obeys commands: see the file. */
export const COMMAND_PLUGIN = fileURLToPath(new URL('engine-plugin.mjs', import.meta.url));

export interface ReplicaModel {
  readonly runtime: string;
  readonly format: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
}

/** A model that obeys the commands it is sent. */
export const COMMAND_MODEL: ReplicaModel = { runtime: 'engine-test', format: 'engine-test', files: { 'model.json': '{}' } };
export const onnx = (model: Buffer): ReplicaModel => ({ runtime: 'onnx', format: 'onnx', files: { 'model.onnx': model } });
