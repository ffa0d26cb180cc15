import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { CASES } from './cases.mjs';

const mode = process.argv[2] ?? 'bare';
const only = process.argv.slice(3);
const results = {};
let child, next;
const start = () =>
  new Promise((resolve) => {
    child = fork(new URL('./worker.mjs', import.meta.url), [mode], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
    child.once('message', resolve);
  });
const sweepKernel = (kernel, from) =>
  new Promise((resolve) => {
    let last = from - 1;
    const timer = setTimeout(() => child.kill('SIGKILL'), 60000);
    const onMessage = (m) => {
      if (m.done) {
        end(undefined);
      } else {
        last = m.index;
        results[kernel].push(m);
      }
    };
    const onExit = () => end(last + 1);
    const end = (at) => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit);
      resolve(at);
    };
    child.on('message', onMessage).on('exit', onExit);
    child.send({ kernel, from });
  });
await start();
for (const kernel of Object.keys(CASES)) {
  if (only.length && !only.includes(kernel)) continue;
  results[kernel] = [];
  let from = 0;
  while (from !== undefined && from < CASES[kernel].length) {
    const at = await sweepKernel(kernel, from);
    if (at !== undefined) {
      if (at > 0 && results[kernel].at(-1)?.verdict !== 'trap') {
        results[kernel].push({ kernel, index: at, verdict: 'trap', detail: 'the process ended' });
        from = at + 1;
      } else from = at;
      if (at === 0 && results[kernel].length === 0) {
        results[kernel].push({ kernel, index: 0, verdict: 'trap', detail: 'the process ended' });
        from = 1;
      }
      await start();
    } else from = undefined;
  }
}
child.kill();
writeFileSync(`/tmp/sweep-${mode}.json`, JSON.stringify(results));
for (const [kernel, list] of Object.entries(results)) {
  const count = {};
  for (const { verdict } of list) count[verdict] = (count[verdict] ?? 0) + 1;
  console.log(kernel.padEnd(26), JSON.stringify(count));
}
