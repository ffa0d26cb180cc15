/**
 * A runtime whose model doubles rows one at a time, and does to a batch what `model.lonely.json` says: `fail`, `crash`, `hang` or `hoard`
 * memory. FP32 [-1] to FP32 [-1].
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const spec = (name) => ({ name, datatype: 'FP32', shape: [-1] });

export default {
  name: 'lonely',
  contractVersion: 2,
  formats: [{ name: 'lonely', description: 'What a test wants.', files: ['model.lonely.json'], priority: 1 }],

  async load({ folder }) {
    const { batch } = JSON.parse(await readFile(join(folder, 'model.lonely.json'), 'utf8'));
    const hoard = [];
    return {
      signature: { inputs: [spec('x')], outputs: [spec('y')] },
      backend: 'script',
      async infer([x]) {
        const rows = x.data.length;
        if (rows > 1 && batch === 'fail') throw new Error(`${rows} are a crowd`);
        if (rows > 1 && batch === 'crash') process.kill(process.pid, 'SIGSEGV');
        if (rows > 1 && batch === 'hang') for (;;);
        while (rows > 1 && batch === 'hoard') hoard.push(Buffer.alloc(64 * 1024 ** 2, 1));
        return [{ name: 'y', datatype: 'FP32', shape: [rows], data: x.data.map((value) => 2 * value) }];
      },
      async dispose() {},
    };
  },
};
