/**
 * A runtime plugin from outside: plain JavaScript that knows the contract from its documentation alone. It loads a JSON file
 * that says which element-wise operation makes each output: `{"columns": 3, "outputs": {"sum": "add"}}`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const OPERATIONS = {
  add: (a, b) => a + b,
  multiply: (a, b) => a * b,
  maximum: (a, b) => Math.max(a, b),
};

export default {
  name: 'elementwise',
  contractVersion: 2,
  formats: [{ name: 'elementwise', description: 'A list of element-wise operations.', files: ['**/*.elementwise.json'], priority: 1 }],

  async load({ folder, files }, { log }, signal) {
    const file = files.find((name) => name.endsWith('.elementwise.json'));
    if (!file) throw new Error(`no .elementwise.json among ${files.join(', ')}`);
    const { columns, outputs } = JSON.parse(await readFile(join(folder, file), 'utf8'));
    signal.throwIfAborted();
    for (const [name, operation] of Object.entries(outputs)) if (!OPERATIONS[operation]) throw new Error(`output "${name}": unknown operation "${operation}"`);
    log(`elementwise: ${Object.keys(outputs).join(', ')}`);
    const spec = (name) => ({ name, datatype: 'FP32', shape: [-1, columns] });
    const names = Object.keys(outputs);
    return {
      signature: { inputs: ['a', 'b'].map(spec), outputs: names.map(spec) },
      backend: 'javascript',
      async infer(inputs, requestedOutputs, abort) {
        abort.throwIfAborted();
        const [a, b] = ['a', 'b'].map((name) => inputs.find((input) => input.name === name));
        return (requestedOutputs ?? names).map((name) => ({
          name,
          datatype: 'FP32',
          shape: a.shape,
          data: a.data.map((value, i) => OPERATIONS[outputs[name]](value, b.data[i])),
        }));
      },
      async dispose() {},
    };
  },
};
