import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rowIndependence, type Infer } from '../../runtimes/host/row-independence.js';
import { halfBits } from '../../runtimes/open-inference/half.js';
import { batchOf, rowOf, scaledRow, variedRow } from '../../runtimes/host/rows.js';
import { elementCount, type Datatype, type Signature, type Tensor } from '../../runtimes/tensor.js';

const signature = (input: readonly number[], output: readonly number[], datatype: Datatype = 'FP32', outputType: Datatype = datatype): Signature => ({
  inputs: [{ name: 'x', datatype, shape: input }],
  outputs: [{ name: 'y', datatype: outputType, shape: output }],
});
const ROWS = signature([-1, 2], [-1, 2]);
const floats = (shape: readonly number[], ...values: number[]): Tensor => ({ name: 'x', datatype: 'FP32', shape, data: Float32Array.from(values) });
const SAMPLE = [floats([2, 2], 1, 2, -3, 0.5)];

/** A model of rows of floats: each row's answer, with the whole batch at hand. */
const model =
  (answer: (row: readonly number[], batch: readonly (readonly number[])[], at: number) => readonly number[]): Infer =>
  ([x]) => {
    const width = elementCount(x!.shape.slice(1));
    const batch = Array.from({ length: x!.shape[0]! }, (_, i) => [...(x!.data as Float32Array).subarray(i * width, (i + 1) * width)]);
    const rows = batch.map((row, at) => answer(row, batch, at));
    return Promise.resolve([{ name: 'y', datatype: 'FP32', shape: [rows.length, rows[0]!.length], data: Float32Array.from(rows.flat()) }]);
  };
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

test('a model that looks at each row alone is INDEPENDENT, and the reason says what was compared', async () => {
  expect(
    await rowIndependence(
      ROWS,
      SAMPLE,
      model(([a, b]) => [a! * b!, Math.tanh(a!)]),
    ),
  ).toEqual({
    verdict: 'INDEPENDENT',
    reason: '4 rows gave the same bits alone, in batches of 2, 3, 8, 64, and beside a neighbour 100 times as large',
  });
});

describe('a model that looks at its neighbours', () => {
  test.each<[string, Infer, string, RegExp]>([
    [
      'a scale of the whole batch, as dynamic quantisation has it',
      model((row, batch) => {
        const scale = Math.max(...batch.flat().map(Math.abs)) / 127;
        return row.map((value) => Math.round(value / scale) * scale);
      }),
      'DEPENDENT',
      /^output "y" of row \d was \S+ (in a batch of \d|beside a neighbour 100 times as large) and \S+ alone$/,
    ],
    [
      'a scale that only a large neighbour moves',
      model((row, batch) => row.map((value) => Math.round(value * 8) / 8 + (Math.max(...batch.flat()) > 50 ? 1 : 0))),
      'DEPENDENT',
      /beside a neighbour 100 times as large and \S+ alone/,
    ],
    ['the place in the batch', model((row, _, at) => row.map((value) => value + at)), 'DEPENDENT', /in a batch of 2/],
    ['the number of rows, from 64 on', model((row, batch) => row.map((value) => (batch.length < 64 ? value : -value))), 'DEPENDENT', /in a batch of 64/],
    ['NaN where there was a number', model((row, batch) => (batch.length > 2 ? row.map(() => NaN) : row)), 'DEPENDENT', /was NaN in a batch of 3/],
    [
      'sums in another order at one place',
      model((row, _, at) => row.map((value) => value * (row[0] === 1 && at % 16 === 5 ? 1 + 1e-7 : 1))),
      'ROUNDING',
      /in a batch of 64/,
    ],
    ['sums in another order', model((row, batch) => row.map((value) => value * (batch.length === 8 ? 1 + 1e-7 : 1))), 'ROUNDING', /in a batch of 8/],
    [
      'rounding of what is left when large values cancel out',
      model(([a, b], batch) => [1000 + a!, b! * 1e-6 + (batch.length > 2 ? 2e-5 : 0)]),
      'ROUNDING',
      /in a batch of 3/,
    ],
    ['a difference too large for rounding', model((row, batch) => row.map((value) => value * (1 + batch.length * 1e-4))), 'DEPENDENT', /of row \d was/],
    ['a negative zero', model((row, batch) => (batch.length === 3 ? row.map(() => -0) : row.map(() => 0))), 'ROUNDING', /in a batch of 3/],
  ])('%s', async (_, infer, verdict, reason) => {
    expect(await rowIndependence(ROWS, SAMPLE, infer)).toEqual({ verdict, reason: expect.stringMatching(reason) });
  });
});

test('integers that differ are never rounding', async () => {
  const infer: Infer = ([x]) => {
    const values = [...(x!.data as BigInt64Array)];
    const largest = values.reduce((a, b) => (a > b ? a : b));
    return Promise.resolve([{ name: 'y', datatype: 'INT64', shape: [values.length], data: BigInt64Array.from(values, (v) => largest - v) }]);
  };
  const sample: Tensor[] = [{ name: 'x', datatype: 'INT64', shape: [2], data: BigInt64Array.of(9_007_199_254_740_993n, 4n) }];
  expect(await rowIndependence(signature([-1], [-1], 'INT64'), sample, infer)).toEqual({
    verdict: 'DEPENDENT',
    reason: expect.stringMatching(/^output "y" of row \d was \d+ in a batch of 2 and 0 alone$/),
  });
});

test('texts are compared as bytes, and varied among those that the sample shows', async () => {
  const asked = new Set<string>();
  const infer: Infer = ([x]) => {
    for (const text of x!.data as readonly Uint8Array[]) asked.add(Buffer.from(text).toString());
    return Promise.resolve([{ ...x!, name: 'y' }]);
  };
  const sample: Tensor[] = [{ name: 'x', datatype: 'BYTES', shape: [1, 2], data: [Buffer.from('tea'), Buffer.from('rum')] }];
  expect(await rowIndependence(signature([-1, 2], [-1, 2], 'BYTES'), sample, infer)).toMatchObject({ verdict: 'INDEPENDENT' });
  expect(asked).toEqual(new Set(['tea', 'rum']));
  const joined: Infer = async (inputs) => {
    const [y] = await infer(inputs);
    return [{ ...y!, data: (y!.data as readonly Uint8Array[]).map((text) => Buffer.concat([text, Buffer.from(String(y!.shape[0]))])) }];
  };
  expect(await rowIndependence(signature([-1, 2], [-1, 2], 'BYTES'), sample, joined)).toEqual({
    verdict: 'DEPENDENT',
    reason: expect.stringMatching(/was "(tea|rum)2" in a batch of 2 and "(tea|rum)1" alone/),
  });
});

test('half precision is compared with a tolerance of its own', async () => {
  const sample: Tensor[] = [{ name: 'x', datatype: 'FP16', shape: [2, 1], data: Uint16Array.of(halfBits(1.5), halfBits(-2)) }];
  const bumped =
    (units: number): Infer =>
    ([x]) =>
      Promise.resolve([{ ...x!, name: 'y', data: (x!.data as Uint16Array).map((bits) => (x!.shape[0] === 3 ? bits + units : bits)) }]);
  const half = signature([-1, 1], [-1, 1], 'FP16');
  expect(await rowIndependence(half, sample, bumped(0))).toMatchObject({ verdict: 'INDEPENDENT' });
  expect(await rowIndependence(half, sample, bumped(1))).toMatchObject({ verdict: 'ROUNDING' });
  expect(await rowIndependence(half, sample, bumped(40))).toMatchObject({ verdict: 'DEPENDENT' });
});

test.each<[string, Signature, Tensor[], Infer, string]>([
  ['a fixed first dimension of the input', signature([1, 2], [-1, 2]), [floats([1, 2], 1, 2)], model((row) => row), 'input "x" has the shape [1, 2], which'],
  ['a scalar output', signature([-1, 2], []), SAMPLE, model((row) => row), 'output "y" has the shape [], which'],
  ['no input', { ...ROWS, inputs: [] }, [], model((row) => row), 'the model has no input'],
  [
    'inputs that begin with different dimensions',
    { inputs: [ROWS.inputs[0]!, { ...ROWS.inputs[0]!, name: 'z' }], outputs: ROWS.outputs },
    [floats([1, 2], 1, 2), { ...floats([2, 2], 1, 2, 3, 4), name: 'z' }],
    model((row) => row),
    'the sample has 1 rows of input "x" and 2 of "z"',
  ],
  [
    'one answer for all rows, although the signature says -1',
    ROWS,
    SAMPLE,
    () => Promise.resolve([{ ...floats([1, 2], 1, 2), name: 'y' }]),
    'output "y" had the shape [1, 2] for 2 rows',
  ],
  [
    'as many rows as there are positive numbers',
    ROWS,
    [floats([1, 2], 1, 2)],
    ([x]) => Promise.resolve([{ ...floats([2 * x!.shape[0]!, 1], ...(x!.data as Float32Array)), name: 'y' }]),
    'output "y" had the shape [2, 1] for one row',
  ],
])('FIXED: %s', async (_, signature, sample, infer, reason) => {
  expect(await rowIndependence(signature, sample, infer)).toEqual({ verdict: 'FIXED', reason: expect.stringContaining(reason) });
});

test('answers whose other dimensions depend on the batch are DEPENDENT', async () => {
  const padded: Infer = ([x]) => {
    const rows = x!.shape[0]!;
    return Promise.resolve([{ name: 'y', datatype: 'FP32', shape: [rows, rows], data: new Float32Array(rows * rows) }]);
  };
  expect(await rowIndependence(signature([-1, 2], [-1, -1]), SAMPLE, padded)).toEqual({
    verdict: 'DEPENDENT',
    reason: 'output "y" of row 1 had the shape [2] in a batch of 2 and [1] alone',
  });
});

describe('UNKNOWN', () => {
  test('a sample without a row', async () => {
    expect(
      await rowIndependence(
        ROWS,
        [floats([0, 2])],
        model((row) => row),
      ),
    ).toEqual({ verdict: 'UNKNOWN', reason: 'the sample has no row' });
  });

  test('a model that fails on a batch, or beside a large neighbour', async () => {
    const limited =
      (fits: (x: Tensor) => boolean): Infer =>
      (inputs) =>
        fits(inputs[0]!) ? model((row) => row)(inputs) : Promise.reject(new Error('no room'));
    const reasons = [
      await rowIndependence(
        ROWS,
        SAMPLE,
        limited((x) => x.shape[0]! < 8),
      ),
      await rowIndependence(
        ROWS,
        SAMPLE,
        limited((x) => (x.data as Float32Array).every((v) => v < 50)),
      ),
      await rowIndependence(
        ROWS,
        SAMPLE,
        limited(() => false),
      ),
    ];
    expect(reasons).toEqual([
      { verdict: 'UNKNOWN', reason: 'an inference in a batch of 8 failed: no room' },
      { verdict: 'UNKNOWN', reason: 'an inference beside a neighbour 100 times as large failed: no room' },
      { verdict: 'UNKNOWN', reason: 'a row of the sample failed alone: no room' },
    ]);
  });

  test('a model that answers one row in two ways', async () => {
    let calls = 0;
    const drawn = model((row) => row.map((value) => value + ++calls));
    expect(await rowIndependence(ROWS, SAMPLE, drawn)).toEqual({
      verdict: 'UNKNOWN',
      reason: expect.stringMatching(/^the model does not give the same answer twice: output "y" of row 0 was \S+ the second time and \S+ alone$/),
    });
  });

  test('a sample of which no other row can be made', async () => {
    const sample: Tensor[] = [{ name: 'x', datatype: 'BYTES', shape: [1], data: [new Uint8Array(0)] }];
    const echo: Infer = ([x]) => Promise.resolve([{ ...x!, name: 'y' }]);
    expect(await rowIndependence(signature([-1], [-1], 'BYTES'), sample, echo)).toEqual({
      verdict: 'UNKNOWN',
      reason: expect.stringContaining('register the version with a sample of several different rows'),
    });
  });

  test('outputs that are not all there in a batch', async () => {
    const forgetful: Infer = async (inputs) => (inputs[0]!.shape[0] === 1 ? await model((row) => row)(inputs) : []);
    expect(await rowIndependence(ROWS, SAMPLE, forgetful)).toMatchObject({ verdict: 'UNKNOWN' });
  });
});

test('a variation that the model refuses is left out, and the sample alone decides', async () => {
  const strict: Infer = (inputs) => {
    const known = (inputs[0]!.data as Float32Array).every((value) => [1, 2, -3, 0.5].some((own) => value === own || Math.abs(value) >= 50));
    return known ? model((row) => row)(inputs) : Promise.reject(new Error('never seen'));
  };
  expect(await rowIndependence(ROWS, SAMPLE, strict)).toMatchObject({ verdict: 'INDEPENDENT', reason: expect.stringMatching(/^2 rows gave/) });
});

test('what a library writes over its last answer does not make rows equal', async () => {
  const memory = new Float32Array(1_000);
  const reused: Infer = ([x]) => {
    const values = x!.data as Float32Array;
    values.forEach((value, i) => (memory[i] = value * values.length));
    return Promise.resolve([{ ...x!, name: 'y', data: memory.subarray(0, values.length) }]);
  };
  expect(await rowIndependence(ROWS, SAMPLE, reused)).toMatchObject({ verdict: 'DEPENDENT' });
});

test('large rows are spared the large batch', async () => {
  const sizes = new Set<number>();
  const infer: Infer = ([x]) => {
    sizes.add(x!.shape[0]!);
    return Promise.resolve([{ name: 'y', datatype: 'FP32', shape: [x!.shape[0]!], data: new Float32Array(x!.shape[0]!) }]);
  };
  const wide = [floats([1, 20_000], ...Array.from({ length: 20_000 }, (_, i) => i))];
  expect(await rowIndependence(signature([-1, 20_000], [-1]), wide, infer)).toMatchObject({ verdict: 'INDEPENDENT' });
  expect([...sizes].sort((a, b) => a - b)).toEqual([1, 2, 3, 6, 8]);
});

describe('whatever the sample', () => {
  const numbers = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e6), max: Math.fround(1e6) });
  const samples = fc
    .record({ rows: fc.integer({ min: 1, max: 5 }), width: fc.integer({ min: 1, max: 4 }) })
    .chain(({ rows, width }) =>
      fc.array(numbers, { minLength: rows * width, maxLength: rows * width }).map((values): [Tensor] => [floats([rows, width], ...values)]),
    );

  test('a row-wise model is INDEPENDENT, and one that adds its neighbours up is not', async () => {
    await fc.assert(
      fc.asyncProperty(samples, async (sample) => {
        const shapes = signature([-1, sample[0].shape[1]!], [-1, 1]);
        expect(
          await rowIndependence(
            shapes,
            sample,
            model((row) => [Math.sin(sum(row))]),
          ),
        ).toMatchObject({ verdict: 'INDEPENDENT' });
        const mixed = model((row, batch) => [sum(row.map(Math.abs)) + sum(batch.flat().map(Math.abs))]);
        expect(await rowIndependence(shapes, sample, mixed)).toMatchObject({ verdict: 'DEPENDENT' });
      }),
      { numRuns: 50 },
    );
  });

  test('rows taken apart and put together are the same tensor', () => {
    fc.assert(
      fc.property(samples, (sample) => {
        const rows = Array.from({ length: sample[0].shape[0]! }, (_, i) => rowOf(sample, i));
        expect(batchOf(rows)).toEqual(sample);
      }),
    );
  });

  test('variations stay between zero and what was shown, and neighbours within the datatype', () => {
    const kinds = fc.constantFrom<[Datatype, (values: number[]) => Tensor['data']]>(
      ['FP32', (v) => Float32Array.from(v)],
      ['INT8', (v) => Int8Array.from(v)],
      ['UINT8', (v) => Uint8Array.from(v)],
      ['INT64', (v) => BigInt64Array.from(v, (value) => BigInt(Math.trunc(value)))],
    );
    fc.assert(
      fc.property(
        kinds,
        fc.array(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (kind, values, random) => {
          const [datatype, make] = kind;
          const row = [{ name: 'x', datatype, shape: [1, values.length], data: make(values) }];
          const varied = [...(variedRow(row, () => random.next().value as number)[0]!.data as Float32Array)].map(Number);
          varied.forEach((value, i) => expect(value >= 0 && value <= values[i]!).toBe(true));
          if (datatype === 'FP32') return;
          const high = [...(scaledRow(row, 100)[0]!.data as Uint8Array)].map(Number);
          expect(new Set(high)).toEqual(new Set([Math.max(...values)]));
          const low = [...(scaledRow(row, -100)[0]!.data as Uint8Array)].map(Number);
          expect(new Set(low)).toEqual(new Set([Math.min(...values)]));
        },
      ),
    );
  });

  test('a neighbour of the largest floats is finite', () => {
    const row = [floats([1, 3], 3e38, -3e38, 0)];
    expect([...(scaledRow(row, 100)[0]!.data as Float32Array)]).toEqual([3.4028234663852886e38, -3.4028234663852886e38, 3.4028234663852886e38]);
  });
});
