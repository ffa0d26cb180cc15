/** Strangers, and a caller with a token, keep gRPC messages of 64 MiB unfinished; another caller's requests are small and whole. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onEnd } from '../../bench/support/processes.mjs';
import { createToken, untilTaken } from '../support/token.mjs';
import { underAttack } from '../support/under-attack.mjs';

export const name = 'unfinished-messages';
export const point = 4;

export const run = ({ short, root }) =>
  underAttack({
    short,
    root,
    attack: async (program) => {
      const attacker = await createToken(program, 'attacker');
      await untilTaken(program, attacker);
      const start = (file, options) => {
        const child = fork(join(import.meta.dirname, '..', 'support', file), [JSON.stringify({ grpc: program.grpc, seconds: short ? 5 : 30, ...options })]);
        onEnd(() => child.kill('SIGKILL'));
        return once(child, 'message').then(([told]) => told);
      };
      const [messages, inferences] = await Promise.all([
        start('message-senders.mjs', { attacker }),
        start('grpc-bystander.mjs', { authorization: program.authorization }),
      ]);
      const { count, failures } = inferences;
      const failed = Object.values(failures).reduce((sum, each) => sum + each, 0);
      const broken = failed > 0 || count === 0 ? [`${failed} of ${count} bystanders over gRPC failed: ${JSON.stringify(failures)}`] : [];
      return { facts: { messages, inferences }, broken };
    },
  });
