/** Installs the dependencies and builds, where that is missing or stale. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { runChild } from './child.mjs';
import { buildIsFresh, contentOf, dependenciesAreFresh, isClone, isPrepared, listSources, MAIN, SOURCES, stampsOf, stateOf, writeWhole } from './freshness.mjs';
import { Lock } from './lock.mjs';

/** A failure that its message explains whole. */
export class Failure extends Error {}

/** Makes sure that the program can run. @param commands what installs and what builds, [file, ...arguments] each */
export async function prepare(root, say = (line) => process.stdout.write(`${line}\n`), commands = defaultCommands(root)) {
  if (!isClone(root)) {
    if (!existsSync(join(root, 'dist', MAIN.up))) throw new Failure(`${root} holds neither a build nor the sources to make one: install Pilothouse again`);
    return;
  }
  if (isPrepared(root)) return;
  const lock = new Lock(join(root, 'dist', '.launch'));
  await withWritable(root, () => {
    // Not by the lock, whose folder is its owner's alone: others run what is built.
    mkdirSync(join(root, 'dist'), { recursive: true });
    return lock.acquire((pid) => say(`Waiting for process ${pid}, which installs or builds this clone…`));
  });
  try {
    const buildFresh = buildIsFresh(root);
    if (!dependenciesAreFresh(root, !buildFresh)) await install(root, commands.install, lock, say);
    if (!buildIsFresh(root)) await build(root, commands.build, lock, say);
  } finally {
    lock.release();
  }
}

async function withWritable(root, work) {
  try {
    return await work();
  } catch (error) {
    if (['EACCES', 'EROFS', 'EPERM', 'ENOSPC'].includes(error.code))
      throw new Failure(
        `dependencies or build are missing or stale, and ${root} cannot be written (${error.code}): run "npm start" once as a user who can write there`,
      );
    throw error;
  }
}

async function install(root, command, lock, say) {
  // Until npm has written its list again, the installation counts as incomplete, also if this process is killed.
  await withWritable(root, async () => rmSync(join(root, 'node_modules', '.package-lock.json'), { force: true }));
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const { code, output } = await runChild(root, command, { env, doing: 'Installing dependencies', done: 'Installed dependencies', lock, say });
  if (code !== 0)
    throw new Failure(
      `${tail(output)}The dependencies could not be installed: npm ended with ${code}. Is the package registry reachable? Run "npm start" to try again.`,
    );
  if (!dependenciesAreFresh(root, true))
    throw new Failure(`${tail(output)}npm did not install what package-lock.json lists. Run "npm ci --include=dev" in ${root} to see why.`);
}

async function build(root, command, lock, say) {
  const stamps = stampsOf(root);
  await withWritable(root, async () => {
    for (const stamp of Object.values(stamps)) rmSync(stamp, { force: true });
    // The compiler remembers what it has written, and does not look whether it is still there.
    if (!isWhole(root)) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
  });
  // Taken before: a file that is saved while the compiler runs makes the next start build again.
  const files = listSources(root);
  const [state, content] = [stateOf(root, files), contentOf(root, files)];
  const { code, output } = await runChild(root, command, { env: process.env, doing: 'Building', done: 'Built', lock, say });
  if (code !== 0) throw new Failure(`${tail(output)}The build failed: the compiler ended with ${code}.`);
  removeStaleOutput(root);
  writeWhole(stamps.content, content);
  writeWhole(stamps.state, state);
}

const outputOf = (root, source) => join(root, 'dist', relative(root, source)).replace(/\.ts$/, '.js');
const isWhole = (root) =>
  listSources(root)
    .filter((path) => /(?<!\.d)\.ts$/.test(path))
    .every((path) => existsSync(outputOf(root, path)));

/** Output of deleted sources could still be imported, so it is removed. */
function removeStaleOutput(root) {
  const wanted = new Set(listSources(root).map((path) => outputOf(root, path)));
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (/\.js(\.map)?$/.test(entry.name) && !wanted.has(path.replace(/\.map$/, ''))) rmSync(path);
    }
  };
  for (const folder of SOURCES) if (existsSync(join(root, 'dist', folder))) walk(join(root, 'dist', folder));
}

function tail(output) {
  const lines = output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-25);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function defaultCommands(root) {
  // `npm start` says where its own npm lies; beside Node lies another one; PATH is the last resort.
  const { npm_execpath: running } = process.env;
  const scripts = [running, join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')];
  const script = scripts.find((path) => path && /^npm-cli\.c?js$/.test(basename(path)) && existsSync(path));
  const npm = script ? [process.execPath, script] : ['npm'];
  // The compiler is a development dependency, and NODE_ENV=production would leave it out. No install script is needed, and those
  // that there are would ask hosts other than the registry; older versions of npm do not know package.json's allowScripts.
  return {
    install: [...npm, 'ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    build: [process.execPath, join(root, 'server', 'launch', 'compile.mjs')],
  };
}
