/**
 * Sweeps every kernel of TensorFlow.js on WebAssembly, and on native TensorFlow where it is built: with the library as it comes
 * and as Pilothouse uses it, against plain JavaScript. Writes the table of docs/reference/tfjs-kernels.md.
 *
 *   npm run sweep:tfjs                      everything (some minutes)
 *   npm run sweep:tfjs -- Max Conv2D        these kernels, told case by case; writes nothing
 */
import { fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chosenBuild } from '../../dist/runtimes/tfjs/native-cache.js';
import { CASES } from './cases.mjs';
import { VERDICTS } from './run.mjs';
import { table } from './table.mjs';

const WORKER = fileURLToPath(new URL('./worker.mjs', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/reference/tfjs-kernels.md', import.meta.url));
/** A case that takes longer never ends. */
const LIMIT_MS = 60_000;

/** A worker that ends after a trap, and is then replaced by another. */
class Runner {
  constructor(how, backend) {
    this.args = [how, backend];
  }

  async start() {
    this.child = fork(WORKER, this.args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' });
    await new Promise((resolve, reject) => this.child.once('message', resolve).once('exit', (code) => reject(new Error(`the worker ended with ${code}`))));
    this.child.removeAllListeners();
  }

  /** @returns the findings of the kernel's cases, in order */
  async sweep(kernel) {
    const findings = [];
    while (findings.length < CASES[kernel].length) {
      if (this.child?.connected !== true) await this.start();
      const before = findings.length;
      const ended = await this.#from(kernel, findings);
      if (!ended) continue;
      this.child = undefined;
      if (findings.length === before || findings.at(-1).verdict !== 'trap') findings.push({ verdict: 'trap', detail: 'the process ended' });
    }
    return findings;
  }

  /** @returns whether the worker ended on the way */
  #from(kernel, findings) {
    const { child } = this;
    return new Promise((resolve) => {
      let timer;
      const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
      };
      const end = (ended) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(ended);
      };
      child.on('message', (message) => (message.done ? end(false) : (findings.push(message), wait()))).on('exit', () => end(true));
      wait();
      child.send({ kernel, from: findings.length });
    });
  }

  stop() {
    this.child?.kill();
  }
}

async function sweep(how, backend, kernels) {
  const runner = new Runner(how, backend);
  const found = {};
  for (const kernel of kernels) found[kernel] = await runner.sweep(kernel);
  runner.stop();
  return found;
}

const chosen = process.argv.slice(2);
const kernels = chosen.length > 0 ? chosen : Object.keys(CASES).sort((a, b) => a.localeCompare(b));
const backends = ['wasm', ...(chosenBuild(process.env.PILOTHOUSE_TFJS_NODE_CACHE) ? ['tensorflow'] : [])];
const found = {};
await Promise.all(
  backends.map(async (backend) => {
    const [bare, guarded] = await Promise.all(['bare', 'guarded'].map((how) => sweep(how, backend, kernels)));
    found[backend] = { bare, guarded };
  }),
);
const faults = kernels.flatMap((kernel) =>
  found.wasm.guarded[kernel].flatMap(({ verdict, detail }, i) =>
    ['equal', 'refused'].includes(verdict) ? [] : [`${kernel}, ${CASES[kernel][i].title}: ${VERDICTS[verdict]}: ${detail}`],
  ),
);
if (faults.length > 0) console.log(`WebAssembly as Pilothouse uses it differs:\n${faults.join('\n')}`);

if (chosen.length > 0) {
  for (const backend of backends)
    for (const kernel of kernels)
      for (const [i, { title }] of CASES[kernel].entries()) {
        const [before, after] = [found[backend].bare[kernel][i], found[backend].guarded[kernel][i]];
        console.log(`${backend} ${kernel}, ${title}: ${before.verdict} ${before.detail} -> ${after.verdict} ${after.detail}`);
      }
} else if (backends.length < 2) {
  console.log('The table needs native TensorFlow as well: npm run build:tfjs-node');
  process.exitCode = 1;
} else {
  const [start] = readFileSync(PAGE, 'utf8').split('<!-- table -->');
  writeFileSync(PAGE, `${start}<!-- table -->\n\n${table(found, CASES)}\n`);
}
