/** A model whose every answer names the request and the version that it belongs to: y = a - b + c over FP64 [-1, 4]. */
import { importSource } from '../../bench/support/sources.mjs';

const COLUMNS = 4;
/** Answers of two versions lie at least so far apart; marks stay below it. */
const STEP = 1e9;

/** The bytes of the version with this serial number. */
export async function markedModel(serial) {
  const onnx = await importSource('test/support/models/onnx.ts');
  const shape = ['rows', COLUMNS];
  return onnx.onnxModel({
    nodes: [onnx.node('Sub', ['a', 'b'], ['d']), onnx.node('Add', ['d', 'c'], ['y'])],
    inputs: ['a', 'b'].map((name) => onnx.tensorValue({ name, type: 'FP64', shape })),
    outputs: [onnx.tensorValue({ name: 'y', type: 'FP64', shape })],
    initializers: [onnx.initializer('c', 'FP64', [1], Buffer.from(Float64Array.of(serial * STEP).buffer))],
  });
}

/** A request that no other has. @param {number} mark a number of its own */
export function markedRequest(mark) {
  const rows = 1 + (mark % 3);
  const values = (of) => Float64Array.from({ length: rows * COLUMNS }, (_, i) => of(i));
  const a = values((i) => mark * 16 + i);
  const b = values((i) => (mark % 997) * (i + 1));
  return { shape: [rows, COLUMNS], a, b };
}

/**
 * @param {{ shape: number[], a: Float64Array, b: Float64Array }} request
 * @param {ArrayLike<number>} y the answer
 * @returns serial number of the version whose answer it is, or undefined where it is the answer to another request, or none at all
 */
export function serialOf({ shape: [rows], a, b }, y) {
  if (y.length !== rows * COLUMNS) return undefined;
  const serial = Math.round((y[0] - a[0] + b[0]) / STEP);
  return Array.from(y).every((value, i) => value === a[i] - b[i] + serial * STEP) ? serial : undefined;
}
