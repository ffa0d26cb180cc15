/**
 * A runtime whose models do what a test tells them: `model.script.json` says how loading goes, and each inference does what its
 * input `x` says. FP32 [1] to FP32 [1]. `loadGate` and `gate` are paths of files that a test makes when it may go on.
 */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** @param holds whether the thread stands still meanwhile */
async function passes(path, holds, signal) {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(path)) {
    if (holds) Atomics.wait(cell, 0, 0, 5);
    else await sleep(5, undefined, { signal });
  }
}

/** Takes the option `greeting`, a text, which is `hello` by default. */
function validate(options) {
  const { greeting = 'hello', ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return { issues: [{ message: `there is no option "${unknown}"`, path: [unknown] }] };
  if (typeof greeting !== 'string') return { issues: [{ message: 'expected a text', path: [{ key: 'greeting' }] }] };
  return { value: { greeting } };
}

const spec = (name) => ({ name, datatype: 'FP32', shape: [1] });

export default {
  name: 'scripted',
  contractVersion: 2,
  formats: [{ name: 'scripted', description: 'What a test wants.', files: ['model.script.json'], priority: 1 }],
  optionsSchema: { '~standard': { version: 1, vendor: 'test', validate } },

  async load({ folder }, { log, options, declaredSignature, scratch }, signal) {
    const {
      loadMs = 0,
      loadGate,
      loadHolds = false,
      loadError,
      crash,
      tellsEnvironment,
      tellsOptions,
      gate,
      log: line,
    } = JSON.parse(await readFile(join(folder, 'model.script.json'), 'utf8'));
    if (line) log(line);
    await sleep(loadMs, undefined, { signal });
    if (loadGate) {
      log('is at the gate');
      await passes(loadGate, loadHolds, signal);
    }
    if (crash) process.kill(process.pid, crash);
    if (tellsOptions) throw new Error(JSON.stringify({ options, declaredSignature, scratch: readdirSync(scratch) }));
    if (tellsEnvironment) throw new Error(JSON.stringify(process.env));
    if (loadError) throw new Error(loadError);
    let broken = false;
    return {
      signature: { inputs: [spec('x')], outputs: [spec('y')] },
      backend: 'script',
      /**
       * x > 0: takes x ms; -1: fails; -2: crashes; -3: never returns and holds the thread; -4: holds the thread, -5: does not, until there is the
       * file `gate`; -6: traps, -7: says so by name, -8: traps inside another error; -9: fails, and so does everything after it; -10: throws where
       * nobody catches it, and gives no answer.
       */
      async infer([x], _outputs, abort) {
        const [what] = x.data;
        log(`infers ${what}`);
        if (broken) throw new Error('everything is lost');
        if (what === -6) throw new WebAssembly.RuntimeError('memory access out of bounds');
        if (what === -7) throw Object.assign(new Error('the session is gone'), { name: 'RuntimeTrapError' });
        if (what === -8) throw new Error('the kernel failed', { cause: new WebAssembly.RuntimeError('unreachable') });
        if (what === -9) {
          broken = true;
          throw new Error('the first of many');
        }
        if (what === -10) {
          setTimeout(() => {
            throw new Error('thrown into the void');
          });
          return new Promise(() => undefined);
        }
        if (what === -1) throw new Error('the model failed');
        if (what === -2) process.kill(process.pid, 'SIGSEGV');
        if (what === -3) for (;;);
        const started = performance.now();
        if (what === -4 || what === -5) await passes(gate, what === -4, abort);
        if (what > 1) await sleep(what, undefined, { signal: abort });
        return [{ name: 'y', datatype: 'FP32', shape: [1], data: Float32Array.of(performance.now() - started) }];
      },
      async dispose() {},
    };
  },
};
