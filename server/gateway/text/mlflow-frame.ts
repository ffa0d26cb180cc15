/** MLflow's data frames as tensors: named columns of rows, whose meaning the model's signature gives. */
import { ElementError } from '../../../runtimes/open-inference/json-elements.js';
import { objectOf } from '../../../runtimes/open-inference/rest-request.js';
import { TensorError, type Datatype, type Signature, type Tensor, type TensorSpec } from '../../../runtimes/tensor.js';
import { onlyInput, tensorByValue } from './signature-values.js';

export interface Frame {
  /** undefined where the columns have no names. */
  readonly columns: readonly string[] | undefined;
  readonly rows: readonly (readonly unknown[])[];
  /** How a message names a row; by its number where nothing else is known. */
  readonly nameOf?: (row: number) => string;
}

/** `{"columns": […], "data": [[…], …]}`; an `index` says nothing to a model. @throws TensorError */
export function frameFromSplit(value: unknown): Frame {
  const { columns: given, data } = objectOf(value, '"dataframe_split"');
  const columns = given ?? undefined;
  if (columns !== undefined && !Array.isArray(columns)) throw new TensorError('"dataframe_split": "columns" must be an array of names');
  if (!Array.isArray(data)) throw new TensorError('"dataframe_split": "data" must be an array of rows');
  const names = (columns as unknown[] | undefined)?.map((name) => {
    if (typeof name !== 'string' && typeof name !== 'number') throw new TensorError('"dataframe_split": "columns" must be an array of names');
    return String(name);
  });
  const width = names?.length ?? (Array.isArray(data[0]) ? data[0].length : 0);
  data.forEach((row: unknown, i) => {
    if (!Array.isArray(row)) throw new TensorError(`"dataframe_split": row ${i} of "data" must be an array`);
    if (row.length !== width) throw new TensorError(`"dataframe_split": row ${i} of "data" has ${row.length} values; there are ${width} columns`);
  });
  return { columns: names, rows: data as unknown[][] };
}

/** `[{"column": value, …}, …]`. @throws TensorError where rows have other columns than the first */
export function frameFromRecords(value: unknown): Frame {
  if (!Array.isArray(value)) throw new TensorError('"dataframe_records" must be an array of objects');
  const records = value.map((record: unknown, i) => objectOf(record, `row ${i} of "dataframe_records"`));
  const columns = Object.keys(records[0] ?? {});
  const rows = records.map((record, i) => {
    for (const column of columns)
      if (!Object.hasOwn(record, column)) throw new TensorError(`row ${i} of "dataframe_records" has no ${JSON.stringify(column.slice(0, 100))}`);
    const more = Object.keys(record).find((key) => !columns.includes(key));
    if (more !== undefined)
      throw new TensorError(`row ${i} of "dataframe_records" has ${JSON.stringify(more.slice(0, 100))}, which the first row does not have`);
    return columns.map((column) => record[column]);
  });
  return { columns: records.length > 0 ? columns : undefined, rows };
}

/**
 * Columns that are named like inputs are these inputs; else the columns, in their order, are the second dimension of the one input.
 * @param convert makes a tensor's element of a cell
 * @throws TensorError
 */
export function tensorsOfFrame(frame: Frame, { inputs }: Signature, convert: (cell: unknown, datatype: Datatype) => unknown): Tensor[] {
  const { columns } = frame;
  if (columns?.some((column) => inputs.some(({ name }) => name === column))) return byName(columns, frame, inputs, convert);
  const only = onlyInput(inputs);
  if (only?.shape?.length === 2) return [matrix(only, frame, convert)];
  const wanted = inputs.map(({ name }) => `"${name}"`).join(', ');
  throw new TensorError(`the columns ${shown(columns)} are not inputs of the model; it takes ${wanted}`);
}

function byName(columns: readonly string[], frame: Frame, inputs: readonly TensorSpec[], convert: (cell: unknown, datatype: Datatype) => unknown): Tensor[] {
  return columns.map((column, at) => {
    const spec = inputs.find(({ name }) => name === column);
    if (!spec)
      throw new TensorError(`column ${JSON.stringify(column.slice(0, 100))} is unknown; the model takes ${inputs.map(({ name }) => `"${name}"`).join(', ')}`);
    const cells = frame.rows.map((row) => convert(row[at], spec.datatype));
    const single = cells.every((cell) => !Array.isArray(cell));
    // A column of single values for an input that has a second dimension.
    const wrapped = spec.shape?.length === 2 && single;
    return placed(
      () => tensorByValue(spec, wrapped ? cells.map((cell) => [cell]) : cells, 'column'),
      (element) => (single ? placeOf(frame, element, column) : undefined),
    );
  });
}

function matrix(spec: TensorSpec, frame: Frame, convert: (cell: unknown, datatype: Datatype) => unknown): Tensor {
  const { columns, rows } = frame;
  const width = columns?.length ?? rows[0]?.length;
  const wanted = spec.shape![1]!;
  if (width !== undefined && wanted !== -1 && width !== wanted)
    throw new TensorError(`there are ${width} columns, ${shown(columns)}; input "${spec.name}" takes ${wanted}`);
  return placed(
    () =>
      tensorByValue(
        spec,
        rows.map((row) => row.map((cell) => convert(cell, spec.datatype))),
        'columns',
      ),
    // There are elements, so that there is a width.
    (element) => placeOf(frame, Math.floor(element / width!), columns?.[element % width!] ?? element % width!),
  );
}

/** An element's place in the tensor is nothing to a caller who sent a frame: it is told by row and column. */
function placed(make: () => Tensor, placeOf: (element: number) => string | undefined): Tensor {
  try {
    return make();
  } catch (error) {
    const place = error instanceof ElementError ? placeOf(error.index) : undefined;
    throw place === undefined ? error : new TensorError(`${place}: the value is ${(error as ElementError).problem}`);
  }
}

const placeOf = ({ nameOf = (row) => `row ${row}` }: Frame, row: number, column: string | number): string =>
  `${nameOf(row)}, column ${typeof column === 'string' ? JSON.stringify(column.slice(0, 100)) : column}`;

function shown(columns: readonly string[] | undefined): string {
  if (!columns) return 'without names';
  const first = columns.slice(0, 5).map((column) => JSON.stringify(column.slice(0, 40)));
  return first.join(', ') + (columns.length > 5 ? ', …' : '');
}
