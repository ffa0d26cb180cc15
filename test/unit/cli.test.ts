/** What every command of the command line has: help with two examples, and a place in `pilothouse help`. */
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { parseDocuments, writeDocuments } from '../../clients/cli/configuration-files.js';
import { Output } from '../../clients/cli/output.js';
import { readNpy } from '../../clients/cli/npy.js';
import { parseReference } from '../../clients/cli/references.js';
import { moment } from '../../clients/cli/values.js';
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

it('help says a default once, and no number of milliseconds', () => {
  const wrong = leaves(program).filter((command) => /by default \(default|\(default: \d{5,}\)/.test(helpOf(command).replace(/\s+/g, ' ')));
  expect(wrong.map((command) => command.name())).toEqual([]);
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
  expect(parseReference('vision/reader@champion', 'default')).toEqual({ project: 'vision', name: 'reader', alias: 'champion' });
  for (const wrong of ['reader:0', 'reader:', ':3', 'a/b/c', 'reader@', '@champion', 'reader@a:3', 'reader:3@a', 'reader@a/b'])
    expect(() => parseReference(wrong, 'default'), wrong).toThrow();
});

it('reads times, in UTC where no zone is given', () => {
  const noon = Date.UTC(2026, 10, 29, 12);
  for (const text of ['2026-11-29T12:00', '2026-11-29T12:00:00.000Z', '2026-11-29T13:00:00+01:00']) expect(moment(text, '--at'), text).toBe(noon);
  expect(moment('2026-11-29', '--at')).toBe(Date.UTC(2026, 10, 29));
  for (const wrong of ['noon', '2026-13-01', '29.11.2026', '2026-11-29T25:00Z']) expect(() => moment(wrong, '--at'), wrong).toThrow('is not a time');
});

it('refuses a .npy file that is cut off', () => {
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }".padEnd(117) + '\n';
  const file = (elements: number) =>
    Buffer.concat([Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1'), Buffer.from([118, 0]), Buffer.from(header), Buffer.alloc(4 * elements)]);
  expect(readNpy(file(4), 'x.npy')).toEqual({ datatype: 'FP32', shape: [2, 2], data: [0, 0, 0, 0] });
  expect(() => readNpy(file(3), 'x.npy')).toThrow('x.npy is cut off: it has 12 bytes of data, and its shape needs 16');
});

it('reads documents with the line of every field', () => {
  const text = 'kind: Project\nname: vision\n---\n# a comment\nkind: Deployment\nname: churn\ntargets:\n  - version: churn:1\n    weight: 90\n---\n';
  const documents = parseDocuments(text, 'all.yaml');
  expect(documents.map(({ value }) => value)).toEqual([
    { kind: 'Project', name: 'vision' },
    { kind: 'Deployment', name: 'churn', targets: [{ version: 'churn:1', weight: 90 }] },
  ]);
  const places = [['name'], ['targets', '0', 'weight'], ['targets', '0', 'shadowPercent'], ['replicas'], []].map((field) => documents[1]!.place(field));
  expect(places).toEqual(['all.yaml:6', 'all.yaml:9', 'all.yaml:8', 'all.yaml:5', 'all.yaml:5']);
  expect(parseDocuments(writeDocuments(documents.map(({ value }) => value)), 'again').map(({ value }) => value)).toEqual(documents.map(({ value }) => value));
});

it.each([
  ['kind: Deployment\n  name: [', /^all.yaml:1: this is not YAML: Nested mappings/],
  ['kind: Model\nname: a\nname: b\n', /^all.yaml:3: this is not YAML: Map keys must be unique/],
  ['kind: Model\n---\n- churn\n', /^all.yaml:3: a document must be a mapping/],
  ['kind: Model\n---\nkind: Model\nname: *other\n', /^all.yaml:3: Unresolved alias/],
])('says in which line %j is wrong', (text, message) => {
  expect(() => parseDocuments(text, 'all.yaml')).toThrow(message);
});
