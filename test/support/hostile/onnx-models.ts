/** ONNX models of the hostile-callers test. */
import { floats, initializer, node, onnxModel, rowMeansModel, tensorValue } from '../models/onnx.js';
import { range, vector, type Caller, type HostileModel, type Question } from './question.js';

const onnx = (model: Buffer) => ({ 'model.onnx': model });
const weights = (count: number, phase: number): number[] => range(count).map((i) => Math.fround(Math.sin(i * 12.9898 + phase)));
const [W0, B0, W1, B1] = [weights(4 * 16, 1), weights(16, 2), weights(16 * 3, 3), weights(3, 4)];

/** FP32 [-1, 4] through 16 hidden units to 3. */
export const network: HostileModel = {
  name: 'onnx-network',
  files: onnx(
    onnxModel({
      nodes: [node('Gemm', ['x', 'w0', 'b0'], ['g']), node('Relu', ['g'], ['h']), node('Gemm', ['h', 'w1', 'b1'], ['y'])],
      inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['rows', 4] })],
      outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['rows', 3] })],
      initializers: [
        initializer('w0', 'FP32', [4, 16], floats(...W0)),
        initializer('b0', 'FP32', [16], floats(...B0)),
        initializer('w1', 'FP32', [16, 3], floats(...W1)),
        initializer('b1', 'FP32', [3], floats(...B1)),
      ],
    }),
  ),
  good: (caller) => networked(caller, caller.between(1, 9)),
  hostile: (caller) => networked(caller, caller.oneOf([0, 1, 100]), caller.oneOf([3, 4, 5, 0])),
};

function networked(caller: Caller, rows: number, width = 4): Question {
  const x = caller.tensor('x', [rows, width]);
  if (width !== 4) return { inputs: [x], answer: 'refused' };
  const dense = (row: readonly number[], w: readonly number[], b: readonly number[]): number[] =>
    b.map((bias, c) => row.reduce((sum, value, r) => sum + value * w[r * b.length + c]!, bias));
  const lines = range(rows).map((r) => x.data.slice(4 * r, 4 * r + 4));
  const answer = lines.flatMap((line) =>
    dense(
      dense(line, W0, B0).map((value) => Math.max(0, value)),
      W1,
      B1,
    ),
  );
  return { inputs: [x], answer: [vector('y', answer, 'FP32', [rows, 3])] };
}

/** Values by their index, negative ones counted from the end. */
export const gather: HostileModel = {
  name: 'onnx-gather',
  files: onnx(
    onnxModel({
      nodes: [node('Gather', ['x', 'at'], ['y'])],
      inputs: [tensorValue({ name: 'x', type: 'FP32', shape: ['n'] }), tensorValue({ name: 'at', type: 'INT64', shape: ['k'] })],
      outputs: [tensorValue({ name: 'y', type: 'FP32', shape: ['k'] })],
    }),
  ),
  sample: [vector('x', [1], 'FP32'), vector('at', [0], 'INT64')],
  good: (caller) => gathered(caller, []),
  hostile: (caller) => gathered(caller, [caller.oneOf([-1000, -9, 8, 100, 2 ** 31, -(2 ** 40), 2 ** 53 - 1])]),
};

function gathered(caller: Caller, wrong: readonly number[]): Question {
  const size = caller.between(1, 8);
  const x = caller.tensor('x', [size]);
  const at = [...caller.list(caller.between(1, 9), -size, size - 1), ...wrong];
  return {
    inputs: [x, vector('at', at, 'INT64')],
    answer:
      wrong.length > 0
        ? 'refused'
        : [
            vector(
              'y',
              at.map((index) => x.data[index < 0 ? index + size : index]!),
              'FP32',
            ),
          ],
  };
}

/** The mean of each row of 12. */
export const means: HostileModel = {
  name: 'onnx-means',
  files: onnx(rowMeansModel(12)),
  good: (caller) => averaged(caller, caller.between(1, 9), 12),
  hostile: (caller) => averaged(caller, caller.oneOf([0, 1, 1000]), caller.oneOf([12, 11, 13, 0, 1])),
};

function averaged(caller: Caller, rows: number, width: number): Question {
  const x = caller.tensor('x', [rows, width]);
  if (width !== 12) return { inputs: [x], answer: 'refused' };
  return {
    inputs: [x],
    answer: [
      vector(
        'y',
        range(rows).map((r) => x.data.slice(12 * r, 12 * r + 12).reduce((sum, value) => sum + value, 0) / 12),
        'FP32',
      ),
    ],
  };
}
