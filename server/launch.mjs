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
/** What runs without the command line's own code: it starts and ends this machine's server. */
const COMMANDS = ['up', 'stop', 'build', 'help', 'version'];

function nodeIsTooOld(version) {
  const [major, minor] = version.split('.').map(Number);
  return major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
}

/** Wrong use, which has an exit code of its own. */
class WrongUse extends Failure {}

const importBuilt = (path) => import(pathToFileURL(join(ROOT, 'dist', path)).href);
const readVersion = () => JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;

async function run(words) {
  const [word = 'up', ...rest] = words;
  const asksForHelp = rest.some((each) => each === '--help' || each === '-h');
  const command = { '--help': 'help', '-h': 'help', '--version': 'version', '-v': 'version' }[word] || (COMMANDS.includes(word) && asksForHelp ? 'help' : word);
  const isOwn = COMMANDS.includes(command) && !(command === 'help' && rest.length > 0 && !asksForHelp);
  if (isOwn && command === 'help') return void process.stdout.write(HELP);
  if (isOwn && command === 'version') return void process.stdout.write(`${readVersion()}\n`);
  if (isOwn && rest.length > 0) throw new WrongUse(`"${command}" takes no arguments, and got "${rest.join(' ')}": "pilothouse help" explains`);
  if (nodeIsTooOld(process.versions.node))
    throw new Failure(`Pilothouse needs Node ${OLDEST_NODE.join('.')} or newer, and this is ${process.versions.node}: see https://nodejs.org`);
  if (process.platform === 'win32') throw new Failure('Pilothouse runs on Linux and macOS: on Windows, use the Windows Subsystem for Linux');
  // Only the result of a command stands on its standard output.
  await prepare(ROOT, isOwn ? undefined : (line) => process.stderr.write(`${line}\n`));
  if (isOwn) return void (command !== 'build' && (await importBuilt(MAIN[command])));
  const cli = await importBuilt(MAIN.cli);
  await cli.run(words, {
    version: readVersion(),
    up: () => importBuilt(MAIN.up),
    stop: () => importBuilt(MAIN.stop),
    build: async () => undefined,
    doctor: async () => (await importBuilt(MAIN.doctor)).doctor(),
  });
}

run(process.argv.slice(2)).catch((error) => {
  const text = error instanceof Failure ? error.message : error.stack;
  // The last line is ours, and what comes before it npm's or the compiler's own words.
  const lines = text.split('\n');
  const last = error instanceof Failure ? lines.pop() : text;
  process.stderr.write(`${error instanceof Failure && lines.length > 0 ? `${lines.join('\n')}\n` : ''}pilothouse: ${last}\n`);
  process.exit(error instanceof WrongUse ? 2 : 1);
});
