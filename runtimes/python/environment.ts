/**
 * The Python interpreter of a version: one with what its requirements.txt asks for, or the configured one where it has none. An environment is
 * installed once, from wheels of the package index, into a folder named by the requirements and the Python version, and shared by versions.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelLoadError, type HostRequest } from '../contract.js';
import { readRequirements, REQUIREMENTS } from './requirements.js';

/** Of the installer, where the machine has none. */
const UV = 'uv==0.13.9';
const INSTALL_MS = 20 * 60_000;
/** uv's exit code where the requirements cannot be met; others are its own failures. */
const UNSATISFIABLE = 1;
const MAX_MESSAGE = 4_000;
/** What is installed lies in a folder of this name until it is whole. */
const ASIDE = '.aside-';
/** Longer than all steps of an installation may take: whoever made such a folder was killed. */
const ABANDONED_MS = 6 * INSTALL_MS;

type Request = Pick<HostRequest, 'artifact' | 'python' | 'cache' | 'signal' | 'progress'>;

const underWay = new Map<string, Promise<string>>();

/** @throws ModelLoadError for requirements that are refused or cannot be met; Error where installing failed for another reason */
export async function interpreterFor(request: Request): Promise<string> {
  const { artifact, python, cache } = request;
  if (!artifact.files.includes(REQUIREMENTS)) return python;
  const requirements = readRequirements(await readFile(join(artifact.folder, REQUIREMENTS), 'utf8'));
  const version = await run(python, ['-c', 'import sys; print(sys.version)'], request.signal);
  const key = createHash('sha256')
    .update(`${version}${requirements.join('\n')}`)
    .digest('hex')
    .slice(0, 32);
  const folder = join(cache, key);
  if (!existsSync(folder)) {
    const known = underWay.get(folder) ?? install(request, requirements, folder).finally(() => underWay.delete(folder));
    underWay.set(folder, known);
    await known;
  }
  return join(folder, 'bin', 'python');
}

async function install(request: Request, requirements: readonly string[], folder: string): Promise<string> {
  const { python, cache, signal, progress } = request;
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache, new Date());
  const uv = await installer(request);
  const aside = await mkdtemp(join(cache, ASIDE));
  try {
    progress(`installing ${requirements.join(', ')}`);
    await run(uv, ['venv', '--quiet', '--no-config', '--relocatable', '--allow-existing', '--python', python, aside], signal);
    const list = ['pip', 'install', '--no-config', '--color', 'never', '--only-binary', ':all:', '--python', join(aside, 'bin', 'python'), ...requirements];
    await run(uv, ['--cache-dir', join(cache, 'uv-cache'), ...list], signal).catch((error: Failure) => {
      if (error.code !== UNSATISFIABLE) throw error;
      throw new ModelLoadError(`${REQUIREMENTS} cannot be installed: ${error.message}`);
    });
    // Not by uv, whose compiler starts a Python that runs what packages have put into .pth files. A file that is not compiled is imported all the same.
    await run(join(aside, 'bin', 'python'), ['-I', '-S', '-m', 'compileall', '-q', '-j', '0', join(aside, 'lib')], signal).catch(() => signal.throwIfAborted());
    await putInPlace(aside, folder);
    progress('installed');
    return folder;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function putInPlace(aside: string, folder: string): Promise<void> {
  await rename(aside, folder).catch((error: NodeJS.ErrnoException) => {
    // Another server of this home was faster.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

/** Removes what installations of killed servers left; it may be gigabytes. */
export async function removeAbandoned(cache: string, now: Date): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(ASIDE)) continue;
    const path = join(cache, name);
    const made = await stat(path).catch(() => undefined);
    if (made && now.getTime() - made.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

/** The machine's own uv, or one that is installed as every other package. */
async function installer({ python, cache, signal, progress }: Request): Promise<string> {
  const own = await run('uv', ['--version'], signal).then(
    () => 'uv',
    () => undefined,
  );
  if (own !== undefined) return own;
  const folder = join(cache, UV);
  const uv = join(folder, 'bin', 'uv');
  if (existsSync(uv)) return uv;
  progress(`installing ${UV}`);
  const aside = await mkdtemp(join(cache, ASIDE));
  try {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--target', aside, UV];
    await run(python, pip, signal).catch(async () => {
      // A virtual environment may have no pip; the Python that it was made of has one.
      const base = await run(python, ['-c', 'import sys; print(getattr(sys, "_base_executable", sys.executable))'], signal);
      await run(base.trim(), pip, signal);
    });
    await putInPlace(aside, folder);
    return uv;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

type Failure = Error & { readonly code?: number | string };

/** Standard output of a program. @throws Error with what it printed on standard error, and its exit code */
function run(command: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { signal, timeout: INSTALL_MS, maxBuffer: 16 * 1024 ** 2 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.trim().slice(-MAX_MESSAGE) || error.message;
      reject(Object.assign(new Error(said, { cause: error }), { code: error.code }));
    });
  });
}
