/** Whether dependencies and build are what lock file and sources say. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const SOURCES = ['server', 'runtimes', 'migrations', 'clients/cli', 'clients/typescript/src'];
/** What runs for a command. */
export const MAIN = {
  up: 'bundle/server/main.js',
  stop: 'bundle/server/stop-main.js',
  cli: 'bundle/clients/cli/main.js',
  doctor: 'bundle/server/doctor/main.js',
};

/** Whether this is a clone, where dependencies and build are ours to make: a published package never holds its lock file. */
export const isClone = (root) => existsSync(join(root, 'package-lock.json')) && existsSync(join(root, 'tsconfig.json'));

export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * Whether node_modules holds what package-lock.json says. npm keeps a list of what it installed, and writes it last, so that an
 * installation that was cut off has none; comparing the two lists costs less than 10 ms, and dates of files do not deceive it.
 */
export function dependenciesAreFresh(root, withDevelopment) {
  let wanted;
  let installed;
  try {
    wanted = readJson(join(root, 'package-lock.json')).packages;
    installed = readJson(join(root, 'node_modules', '.package-lock.json')).packages;
  } catch {
    return false;
  }
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.includes('node_modules/') || entry.link) return true;
    const found = installed[path];
    if (found) return found.version === entry.version && (!found.integrity || !entry.integrity || found.integrity === entry.integrity);
    // Not for this platform, or left out by somebody who only runs what is built.
    return Boolean(entry.optional || entry.devOptional || entry.peer || (entry.dev && !withDevelopment));
  });
}

/** The sources, relative to the root and sorted, with what their state says without reading them. */
export function listSources(root) {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.name.endsWith('.ts')) found.push(path);
    }
  };
  for (const folder of SOURCES) if (existsSync(join(root, folder))) walk(join(root, folder));
  return [...found.sort(), ...['tsconfig.json', 'server/launch/compile.mjs', 'server/launch/lock.mjs'].map((path) => join(root, path)).filter(existsSync)];
}

const hashed = (parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
};
export const stateOf = (root, files) =>
  hashed(
    files.map((path) => {
      const { size, mtimeMs } = statSync(path);
      return `${relative(root, path)} ${size} ${mtimeMs}`;
    }),
  );
export const contentOf = (root, files) => hashed(files.flatMap((path) => [relative(root, path), readFileSync(path)]));

/** Two stamps: the files' dates, which are quick to compare, and their contents, which also name the build. */
export const stampsOf = (root) => ({ state: join(root, 'dist', '.build-state'), content: join(root, 'dist', '.build-id') });
const readText = (path) => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** Whether dist/ holds what the sources say. */
export function buildIsFresh(root) {
  const stamps = stampsOf(root);
  const built = readText(stamps.content);
  if (!built || !Object.values(MAIN).every((path) => existsSync(join(root, 'dist', path)))) return false;
  const files = listSources(root);
  const state = stateOf(root, files);
  if (readText(stamps.state) === state) return true;
  // Other dates with the same contents: a checkout back and forth, or a copy.
  if (contentOf(root, files) !== built) return false;
  try {
    writeWhole(stamps.state, state);
  } catch {
    // dist/ is read-only here: it is fresh all the same.
  }
  return true;
}

export function writeWhole(path, text) {
  writeFileSync(`${path}.${process.pid}`, `${text}\n`);
  renameSync(`${path}.${process.pid}`, path);
}

/** What every warm start pays for: some hundred stat calls. */
export function isPrepared(root) {
  if (!buildIsFresh(root)) return false;
  // Comparing the lists means parsing them, so what was compared once is recognised by size and date.
  const stamp = join(root, 'dist', '.dependencies-state');
  let state;
  try {
    state = ['package-lock.json', 'node_modules/.package-lock.json']
      .map((path) => {
        const { size, mtimeMs } = statSync(join(root, path));
        return `${size} ${mtimeMs}`;
      })
      .join(' ');
  } catch {
    return false;
  }
  if (readText(stamp) === state) return true;
  if (!dependenciesAreFresh(root, false)) return false;
  try {
    writeWhole(stamp, state);
  } catch {
    // dist/ is read-only here: it will be compared again.
  }
  return true;
}
