/**
 * One process of the sweep: takes `{ kernel, from }`, answers a line for each case. It ends after a trap, because what
 * WebAssembly answers afterwards means nothing.
 */
import { CASES } from './cases.mjs';
import { Sweep } from './run.mjs';
import { bare, CHECK, guarded } from './libraries.mjs';

const [how, name] = process.argv.slice(2);
console.warn = () => {};
console.log = () => {};

const { core, backend } = how === 'bare' ? await bare(name) : await guarded(name);
const sweep = new Sweep(core, backend, CHECK);
const emit = (message) => process.send(message);

process.on('message', ({ kernel, from }) => {
  for (const [i, given] of CASES[kernel].entries()) {
    if (i < from) continue;
    const finding = sweep.run(kernel, given);
    emit({ kernel, index: i, ...finding });
    if (finding.verdict === 'trap') return process.exit(0);
  }
  emit({ kernel, done: true });
});
emit({ ready: true });
