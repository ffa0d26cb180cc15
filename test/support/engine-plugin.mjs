/**
 * A runtime plugin that misbehaves on command, to see what an engine makes of it. Its model is `model.json`:
 * {loadMs?, loadUntil?, failLoad?, exitOnLoad?, hogOnLoad?}; its input `command` (BYTES [-1]) is obeyed and echoed as `answer`:
 *   wait:MS   answers after a while      block:MS  blocks the process meanwhile     abort  SIGABRT
 *   exit:N    ends the process           fail:TEXT throws                           grow:N takes N MiB and keeps them
 *   trap:TEXT throws a WebAssembly trap  ruin:TEXT throws, and so does everything after it
 *   hold:PATH notes in PATH.begun that it has begun, and answers when there is a file PATH, as loading ends with `loadUntil`
 * What takes its time is logged when it begins.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const signature = {
  inputs: [{ name: 'command', datatype: 'BYTES', shape: [-1] }],
  outputs: [{ name: 'answer', datatype: 'BYTES', shape: [-1] }],
};

const hoard = [];
/** What every inference throws from now on. */
let ruin;
function hog() {
  // Outside V8's heap, as a native library's memory is.
  for (;;) hoard.push(Buffer.alloc(64 * 1024 ** 2, 1));
}

async function untilThere(path) {
  while (!existsSync(path)) await setTimeout(5);
}

const SLOW = ['wait', 'block', 'hold'];

const obey = {
  wait: (ms) => setTimeout(Number(ms)),
  block: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(ms)),
  abort: () => process.abort(),
  exit: (code) => process.exit(Number(code)),
  fail: (text) => {
    throw new Error(text);
  },
  trap: (text) => {
    throw new WebAssembly.RuntimeError(text);
  },
  ruin: (text) => {
    ruin = text;
  },
  hold: async (path) => {
    appendFileSync(`${path}.begun`, '.');
    await untilThere(path);
  },
  grow: (mebibytes) => void hoard.push(Buffer.alloc(Number(mebibytes) * 1024 ** 2, 1)),
};

export default {
  name: 'engine-test',
  contractVersion: 2,
  formats: [{ name: 'engine-test', description: 'A model that misbehaves on command.', files: ['model.json'], priority: 0 }],
  async load(artifact, options) {
    const model = JSON.parse(readFileSync(join(artifact.folder, 'model.json'), 'utf8'));
    options.log(`loading ${JSON.stringify(model)}`);
    if (model.loadMs) await setTimeout(model.loadMs);
    if (model.loadUntil) await untilThere(model.loadUntil);
    if (model.exitOnLoad) process.exit(model.exitOnLoad);
    if (model.hogOnLoad) hog();
    if (model.failLoad) throw new Error(model.failLoad);
    return {
      signature,
      backend: 'test',
      async infer([command]) {
        for (const bytes of command.data) {
          const [word, argument] = Buffer.from(bytes).toString().split(':');
          if (SLOW.includes(word)) options.log(`begins ${word}:${argument}`);
          await obey[word]?.(argument);
        }
        if (ruin !== undefined) throw new Error(ruin);
        return [{ name: 'answer', datatype: 'BYTES', shape: command.shape, data: command.data }];
      },
      async dispose() {},
    };
  },
};
