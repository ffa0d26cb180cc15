/** What every command of the command line has: help with two examples, and a place in `pilothouse help`. */
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { Output } from '../../clients/cli/output.js';
import { readNpy } from '../../clients/cli/npy.js';
import { parseReference } from '../../clients/cli/references.js';
import { buildProgram } from '../../clients/cli/program.js';
import { HELP } from '../../server/launch/help.mjs';

const nothing = async (): Promise<void> => undefined;
const program = buildProgram({ version: '1.0.0', up: nothing, stop: nothing, build: nothing, doctor: async () => [] });
const leaves = (command: Command): Command[] => (command.commands.length === 0 ? [command] : command.commands.flatMap(leaves));

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) }).outputHelp();
  return text;
}

it('every command has help with two examples', () => {
  const few = leaves(program).filter((command) => (helpOf(command).match(/^ {2}\$ pilothouse /gm) ?? []).length !== 2);
  expect(few.map((command) => command.name())).toEqual([]);
});

it('"pilothouse help" names every command', () => {
  expect(program.commands.map((command) => command.name()).filter((name) => !new RegExp(`\\b${name}\\b`).test(HELP))).toEqual([]);
});

function printed(columns: number | undefined, env: Record<string, string>, print: (output: Output) => void): string {
  let text = '';
  const stream = { isTTY: columns !== undefined, ...(columns !== undefined && { columns }), write: (part: string) => void (text += part) };
  print(new Output(false, env, stream, stream));
  return text;
}
const table = (output: Output): void =>
  output.table(['NAME', 'STATE', 'REASON'], [['reader', 'READY', 'a long reason that does not fit into the terminal']], '');

it('tables fit a terminal, with colour; NO_COLOR and pipes get plain text', () => {
  const plain = printed(40, { NO_COLOR: '1' }, table);
  expect(plain.split('\n').every((line) => line.length <= 40)).toBe(true);
  expect(plain).toMatch(/…\n$/);
  expect(printed(40, {}, table)).toContain('\u001b[32mREADY');
  expect(printed(undefined, {}, table)).toBe('NAME    STATE  REASON\nreader  READY  a long reason that does not fit into the terminal\n');
});

it('what a server says cannot command the terminal', () => {
  expect(printed(40, {}, (output) => output.line('a\u001b[2Jb'))).toBe('a [2Jb\n');
});

it('reads references', () => {
  expect(parseReference('reader:3', 'default')).toEqual({ project: 'default', name: 'reader', number: 3 });
  expect(parseReference('vision/reader', 'default')).toEqual({ project: 'vision', name: 'reader' });
  for (const wrong of ['reader:0', 'reader:', ':3', 'a/b/c', 'reader@champion']) expect(() => parseReference(wrong, 'default'), wrong).toThrow();
});

it('refuses a .npy file that is cut off', () => {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }".padEnd(117) + '\n';
  const file = (elements: number) =>
    Buffer.concat([Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1'), Buffer.from([118, 0]), Buffer.from(header), Buffer.alloc(4 * elements)]);
  expect(readNpy(file(4), 'x.npy')).toEqual({ datatype: 'FP32', shape: [2, 2], data: [0, 0, 0, 0] });
  expect(() => readNpy(file(3), 'x.npy')).toThrow('x.npy is cut off: it has 12 bytes of data, and its shape needs 16');
});
