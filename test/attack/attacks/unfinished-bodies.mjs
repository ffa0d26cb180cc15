/** Eight senders with one token keep HTTP bodies of 64 MiB unfinished; another caller sends large requests as it should. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onEnd } from '../../bench/support/processes.mjs';
import { createToken, untilTaken } from '../support/token.mjs';
import { underAttack } from '../support/under-attack.mjs';

export const name = 'unfinished-bodies';
export const point = 5;

export const run = ({ short, root }) =>
  underAttack({
    short,
    root,
    attack: async (program) => {
      const attacker = await createToken(program, 'attacker');
      await untilTaken(program, attacker);
      const seconds = short ? 5 : 30;
      const senders = fork(join(import.meta.dirname, '..', 'support', 'body-senders.mjs'), [
        JSON.stringify({ gateway: program.gateway, attacker, honest: program.authorization, seconds }),
      ]);
      onEnd(() => senders.kill('SIGKILL'));
      const [facts] = await once(senders, 'message');
      const { heardOut, others } = facts.honest;
      const broken = [];
      if (heardOut === 0) broken.push('no large request of an ordinary caller was received whole');
      if (Object.keys(others).length > 0) broken.push(`large requests of an ordinary caller were refused: ${JSON.stringify(others)}`);
      return { facts, broken };
    },
  });
