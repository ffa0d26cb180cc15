#!/usr/bin/env node
/**
 * What `npm start` and the command `pilothouse` run. It needs nothing but Node: it installs the dependencies and builds where
 * that is missing or stale, and then runs the program in this same process, so that one process hears the signals.
 * Standard library only, and no syntax that an old Node cannot parse: it is what tells its owner that it is too old.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { HELP } from './launch/help.mjs';
import { MAIN } from './launch/freshness.mjs';
import { Failure, prepare } from './launch/prepare.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];
const COMMANDS = ['up', 'stop', 'build', 'help', 'version'];

function nodeIsTooOld(version) {
  const [major, minor] = version.split('.').map(Number);
  return major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
}

async function run(words) {
  const [word = 'up', ...rest] = words;
  const command =
    { '--help': 'help', '-h': 'help', '--version': 'version', '-v': 'version' }[word] ||
    (words.some((each) => each === '--help' || each === '-h') ? 'help' : word);
  if (command === 'help') return void process.stdout.write(HELP);
  if (command === 'version') return void process.stdout.write(`${JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version}\n`);
  if (!COMMANDS.includes(command)) throw new Failure(`there is no command "${word}": "pilothouse help" lists them`);
  if (rest.length > 0) throw new Failure(`"${command}" takes no arguments, and got "${rest.join(' ')}": "pilothouse help" explains`);
  if (nodeIsTooOld(process.versions.node))
    throw new Failure(`Pilothouse needs Node ${OLDEST_NODE.join('.')} or newer, and this is ${process.versions.node}: see https://nodejs.org`);
  if (process.platform === 'win32') throw new Failure('Pilothouse runs on Linux and macOS: on Windows, use the Windows Subsystem for Linux');
  await prepare(ROOT);
  if (command !== 'build') await import(pathToFileURL(join(ROOT, 'dist', MAIN[command])).href);
}

run(process.argv.slice(2)).catch((error) => {
  const text = error instanceof Failure ? error.message : error.stack;
  // The last line is ours, and what comes before it npm's or the compiler's own words.
  const lines = text.split('\n');
  const last = error instanceof Failure ? lines.pop() : text;
  process.stderr.write(`${error instanceof Failure && lines.length > 0 ? `${lines.join('\n')}\n` : ''}pilothouse: ${last}\n`);
  process.exit(1);
});
