/** This machine: `up`, `stop`, `build`, `doctor`. What they do belongs to the server; here are their words. */
import type { Command } from 'commander';
import { addCommand } from '../command.js';
import { EXIT, CommandError } from '../exit-codes.js';

export interface Finding {
  /** What was looked at: `memory`, `ports`. */
  readonly name: string;
  readonly state: 'OK' | 'WARNING' | 'FAILED';
  readonly message: string;
  /** What to do about it; null where there is nothing to do. */
  readonly advice: string | null;
}

/** What the launcher can do here. */
export interface Machine {
  up(): Promise<void>;
  stop(): Promise<void>;
  build(): Promise<void>;
  doctor(): Promise<readonly Finding[]>;
  readonly version: string;
}

export function addMachineCommands(program: Command, machine: Machine): void {
  addCommand(program, 'up', {
    does: 'start PostgreSQL, control plane, gateway and every deployed model on this machine, until Ctrl-C',
    examples: ['up', 'up   # with PILOTHOUSE_HOME=/srv/pilothouse PILOTHOUSE_PORT=4100'],
    run: () => machine.up(),
  });
  addCommand(program, 'stop', {
    does: 'stop everything that runs for PILOTHOUSE_HOME, including processes that a killed server left',
    examples: ['stop', 'stop   # with PILOTHOUSE_HOME=/srv/pilothouse'],
    run: () => machine.stop(),
  });
  addCommand(program, 'build', {
    does: 'install and build what is missing in a clone',
    examples: ['build', 'build && pilothouse up'],
    run: () => machine.build(),
  });
  addCommand(program, 'doctor', {
    does: 'check this machine for what Pilothouse needs, and print what to do',
    examples: ['doctor', 'doctor --json'],
    run: async ({ output }) => {
      const findings = await machine.doctor();
      output.result(findings, () => {
        for (const { name, state, message, advice } of findings) {
          const mark = state === 'OK' ? output.style('green', 'ok     ') : output.style(state === 'FAILED' ? 'red' : 'yellow', state.toLowerCase().padEnd(7));
          output.text(`${mark} ${name.padEnd(12)} ${message}\n`);
          if (advice !== null) output.text(`${' '.repeat(21)}${advice}\n`);
        }
      });
      const failed = findings.filter(({ state }) => state === 'FAILED');
      if (failed.length > 0)
        throw new CommandError(EXIT.failed, `${failed.length} of ${findings.length} checks failed: ${failed.map(({ name }) => name).join(', ')}`);
    },
  });
}
