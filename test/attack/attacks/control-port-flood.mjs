/**
 * Strangers open connections to the control port until it has no descriptors left: some send nothing, some announce a body with a bad token and
 * never send it, some open a WebSocket and never say who they are.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { onEnd } from '../../bench/support/processes.mjs';
import { underAttack } from '../support/under-attack.mjs';

export const name = 'control-port-flood';
export const point = 2;

/** One process may not have enough descriptors. */
const FLOODERS = 2;

export const run = ({ short, root }) => {
  const openFiles = short ? 1_024 : 2_048;
  return underAttack({
    short,
    root,
    openFiles,
    attack: async ({ control, pid }) => {
      let used = 0;
      const sampler = setInterval(() => (used = Math.max(used, descriptorsOf(pid))), 100);
      const options = { control, connections: Math.ceil((openFiles * 1.5) / FLOODERS), seconds: short ? 6 : 30 };
      const told = await Promise.all(Array.from({ length: FLOODERS }, () => flood(options)));
      const sum = (key) => told.reduce((all, each) => all + each[key], 0);
      clearInterval(sampler);
      const facts = { opened: sum('opened'), closedByServer: sum('closed'), descriptorsUsed: used, descriptors: openFiles };
      return { facts, broken: used > openFiles * 0.8 ? [`the server used ${used} of ${openFiles} descriptors`] : [] };
    },
  });
};

function descriptorsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0; // it has ended
  }
}

async function flood(options) {
  const flooder = fork(new URL('../support/flooder.mjs', import.meta.url), [JSON.stringify(options)]);
  onEnd(() => flooder.kill('SIGKILL'));
  const [told] = await once(flooder, 'message');
  flooder.kill('SIGKILL');
  return told;
}
