/** CSV as MLflow takes it: what pandas reads, long rows, and where a message says that something is wrong. */
import { expect, test } from 'vitest';
import type { Datatype, Signature } from '../../../runtimes/tensor.js';
import { mlflowText } from '../../../server/gateway/text/mlflow-text.js';

const signature = (width: number, datatype: Datatype = 'FP32'): Signature => ({ inputs: [{ name: 'x', datatype, shape: [-1, width] }], outputs: [] });
const read = (text: string, takes: Signature) => mlflowText.read(Buffer.from(text), { form: 'csv', signature: takes }).request.inputs;

test('a row may be as long as a body', () => {
  // Names and values of more than a megabyte each.
  const columns = Array.from({ length: 50_000 }, (_, i) => `pixel_of_the_image_${i}`);
  const cells = new Array<string>(columns.length).fill('0.1234567890123456789012');
  const [image] = read(`${columns.join()}\n${cells.join()}\n`, signature(columns.length));
  expect(image).toMatchObject({ shape: [1, columns.length] });
  expect(image!.data[columns.length - 1]).toBe(Math.fround(0.1234567890123456789012));
});

test('so may a cell', () => {
  const [texts] = read(`x\n${'a'.repeat(3_000_000)}\n`, signature(1, 'BYTES'));
  expect((texts!.data as readonly Uint8Array[])[0]!.byteLength).toBe(3_000_000);
});

test.each(['', 'NA', 'N/A', 'n/a', 'NULL', 'null', 'None', '<NA>', '#N/A', '-nan', 'nan', 'NaN', ' NA '])('%j is a missing number, as in pandas', (cell) => {
  expect([...read(`a,b\n1,${cell}\n`, signature(2))[0]!.data]).toEqual([1, NaN]);
});

test('a missing text is one', () => {
  expect(Buffer.from(read('a,b\nNA,\n', signature(2, 'BYTES'))[0]!.data[0] as Uint8Array).toString()).toBe('NA');
});

test.each([
  ['a matrix', 'a,b\n1,2\n3,x\n', signature(2), 'line 3, column "b": the value is "x"; FP32 takes numbers, "NaN", "Infinity" and "-Infinity"'],
  ['empty lines, and cells of several', 'a,b\n\n1,"2"\n\n"3\n","\n\nx"\n', signature(2), 'line 8, column "b": the value is "\\n\\nx"; FP32 takes numbers'],
  [
    'a column by its name',
    'n,m\n1,2\n1,300\n',
    {
      inputs: ['m', 'n'].map((name) => ({ name, datatype: 'INT8' as const, shape: [-1] })),
      outputs: [],
    },
    'line 3, column "m": the value is 300; INT8 takes integers from -128 to 127',
  ],
])('the line and the column are named: %s', (_, text, takes, message) => {
  expect(() => read(text, takes)).toThrow(message);
});

test('a long cell that is no number is refused in no time', () => {
  // Of the processor, not of the clock. By the square of its length it took 2.9 s.
  const before = process.cpuUsage();
  expect(() => read(`a,b\n1,${'9'.repeat(60_000)}x\n`, signature(2))).toThrow('line 2, column "b"');
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
});
