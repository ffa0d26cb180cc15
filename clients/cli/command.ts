/** How a command is declared: its words, two examples, and what it does. */
import type { Command } from 'commander';
import { wrongUse } from './exit-codes.js';
import { Output } from './output.js';
import { Session, type GlobalOptions } from './session.js';
import { duration } from './values.js';

/** @param args the words after the command, in order; several words of one argument follow one another */
type Work<O> = (session: Session, args: readonly string[], options: O) => Promise<void> | void;

interface Declaration<O> {
  readonly does: string;
  /** Two real ones, without the word `pilothouse`. */
  readonly examples: readonly [string, string];
  readonly options?: (command: Command) => Command;
  readonly run: Work<O>;
}

/** Adds a command to a program or to a group of commands. */
export function addCommand<O = object>(parent: Command, words: string, { does, examples, options = (command) => command, run }: Declaration<O>): Command {
  const command = options(parent.command(words).description(does));
  command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ pilothouse ${example}`).join('\n')}`);
  return command.action(async (...given: unknown[]) => {
    const args = given
      .slice(0, -2)
      .flat()
      .filter((word): word is string => word !== undefined);
    const session = openSession(command);
    try {
      await run(session, args, command.opts() as O);
    } finally {
      session.output.endProgress();
      await session.close();
    }
  });
}

/** A word that only has commands below it, such as `token`. */
export function addGroup(parent: Command, word: string, does: string): Command {
  return parent.command(word).description(does);
}

/** The flags that every command takes, before its words or after them. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('--url <url>', 'control plane to talk to')
    .option('--token <token>', 'bearer token for it')
    .option('--gateway-url <url>', 'gateway to send inferences to')
    .option('--project <name>', 'project of models and deployments')
    .option('--timeout <time>', 'how long to wait, such as 90s or 5m', (text) => duration(text, '--timeout'))
    .option('--json', 'print one JSON document with the field names of the GraphQL schema')
    .option('--debug', 'print the stack trace of an error');
}

function openSession(command: Command): Session {
  const options: GlobalOptions = command.optsWithGlobals();
  if (options.timeout !== undefined && options.timeout <= 0) throw wrongUse('--timeout must be longer than 0 s');
  return new Session(options, process.env, new Output(options.json === true, process.env));
}
