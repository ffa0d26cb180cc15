/** The command `pilothouse`: reads the words, runs the command, and sets the exit code. */
import { CommanderError } from 'commander';
import { EXIT, explain } from './exit-codes.js';
import type { Machine } from './commands/machine.js';
import { buildProgram } from './program.js';

export async function run(words: readonly string[], machine: Machine): Promise<void> {
  // Who reads the output may stop reading: `pilothouse events digits | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed));
  const program = buildProgram(machine);
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    // Commander has said what is wrong already, or printed the help that was asked for.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.wrongUse;
      return;
    }
    const { exitCode, message } = explain(error);
    const debug = program.opts<{ debug?: boolean }>().debug === true;
    process.stderr.write(debug && error instanceof Error ? `${error.stack}\n` : `pilothouse: ${message.split('\n').join(' ')}\n`);
    process.exitCode = exitCode;
  }
}
