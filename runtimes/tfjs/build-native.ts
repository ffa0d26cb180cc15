/**
 * `npm run build:tfjs-node`: makes the native TensorFlow binding of @tensorflow/tfjs-node from registry packages alone, where
 * its own download host is out of reach. TensorFlow's libraries and headers come from its Python wheel, the binding's sources
 * from the npm package; everything is pinned by hash. It takes about half a minute and 900 MB; done already, it returns at once. Either way this
 * installation uses the build from then on.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bindingOf, chooseCache, NATIVE_PINS, nativeBuild, sharedCache } from './native-cache.js';

const run = promisify(execFile);
// A command of its own, before there is any Config; its children inherit the environment.
const environment: NodeJS.ProcessEnv = process.env;
const here = dirname(fileURLToPath(import.meta.url));
/** The lock file is no TypeScript: it stays in the source folder. */
const LOCK_FOLDER = here.includes(`${sep}dist${sep}runtimes${sep}`) ? join(here, '..', '..', '..', 'runtimes', 'tfjs', 'native') : join(here, 'native');
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/** What to take out of the wheel, and where to: run by Python, which has an unzip and is needed for pip anyway. */
const UNPACK = `
import os, shutil, sys, zipfile
wheel, target = sys.argv[1:]
head = 'tensorflow/include/'
archive = zipfile.ZipFile(wheel)
for member in archive.infolist():
    name = member.filename
    if member.is_dir(): continue
    if name.count('/') == 1 and name.split('/')[1] in ${JSON.stringify(LIBRARIES)}: path = 'lib/' + name.split('/')[1]
    elif name.startswith((head + 'tensorflow/c/', head + 'tensorflow/tsl/', head + 'tensorflow/core/platform/ctstring')): path = 'include/' + name[len(head):]
    else: continue
    path = os.path.join(target, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with archive.open(member) as source, open(path, 'wb') as copy: shutil.copyfileobj(source, copy)
`;

try {
  await main();
} catch (error) {
  say(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const cache = resolve(environment['PILOTHOUSE_TFJS_NODE_CACHE'] || sharedCache());
  const { folder, bindingPath } = nativeBuild(cache);
  if (existsSync(bindingPath)) say(`is there already: ${folder}`);
  else await build(folder, bindingPath);
  chooseCache(cache);
}

async function build(folder: string, bindingPath: string): Promise<void> {
  await assertPossible();
  await mkdir(dirname(folder), { recursive: true });
  // Aside, and named when it is whole: a build that was interrupted, or another at the same time, is never seen.
  const aside = await mkdtemp(`${folder}.building-`);
  try {
    const packagePath = join(aside, 'node_modules', '@tensorflow', 'tfjs-node');
    const [wheel] = await Promise.all([
      step('gets the TensorFlow wheel', () => download(join(aside, 'wheel'))),
      step('installs the npm packages', () => install(aside)),
    ]);
    await step('unpacks TensorFlow', () => python(['-c', UNPACK, wheel, join(packagePath, 'deps')]));
    await rm(join(aside, 'wheel'), { recursive: true });
    await step('compiles the binding', () => compile(packagePath));
    await step('tries it', () => tryOut(packagePath));
    await rename(aside, folder).catch((error: unknown) => {
      if (!existsSync(bindingPath)) throw error;
    });
    say(`done: ${folder}`);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function assertPossible(): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `only linux on x64 is pinned so far, this is ${process.platform} on ${process.arch}; \`npm install @tensorflow/tfjs-node\` may bring a binding of its own here`,
    );
  }
  const lock = createHash('sha256')
    .update(await readFile(join(LOCK_FOLDER, 'package-lock.json')))
    .digest('hex');
  if (lock !== NATIVE_PINS.lockSha256)
    throw new Error(`native/package-lock.json is not the one that is pinned (sha256 ${lock}, pinned ${NATIVE_PINS.lockSha256})`);
  for (const [command, args, need] of [
    ['g++', ['--version'], 'a C++ compiler (g++)'],
    ['python3', ['-m', 'pip', '--version'], 'Python 3 with pip'],
  ] as const) {
    await run(command, args).catch(() => {
      throw new Error(`it needs ${need}, which is not there: \`${command} ${args.join(' ')}\` fails`);
    });
  }
}

async function download(folder: string): Promise<string> {
  await mkdir(folder);
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${NATIVE_PINS.wheel} --hash=sha256:${NATIVE_PINS.wheelSha256}\n`);
  const target = ['--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--platform', 'manylinux2014_x86_64'];
  await python([
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--require-hashes',
    ...target,
    '-r',
    requirements,
    '-d',
    folder,
  ]);
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip downloaded no wheel');
  return join(folder, wheel);
}

async function install(folder: string): Promise<void> {
  for (const name of ['package.json', 'package-lock.json']) await copyFile(join(LOCK_FOLDER, name), join(folder, name));
  await command('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], folder);
}

async function compile(packagePath: string): Promise<void> {
  const binding = bindingOf(packagePath);
  await mkdir(dirname(binding), { recursive: true });
  const include = ['deps/include', '../../node-api-headers/include'].map((path) => `-I${join(packagePath, path)}`);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(packagePath, 'binding', name));
  const libraries = LIBRARIES.map((name) => join(packagePath, 'deps', 'lib', name));
  await command(
    'g++',
    [
      '-O2',
      '-std=c++17',
      '-fPIC',
      '-shared',
      `-DNAPI_VERSION=${NATIVE_PINS.napiVersion}`,
      ...include,
      ...sources,
      ...libraries,
      '-Wl,-rpath,$ORIGIN/../../deps/lib',
      '-o',
      binding,
    ],
    packagePath,
  );
}

/** In a process of its own: a binding that crashes must not be called done. */
async function tryOut(packagePath: string): Promise<void> {
  const script = `const tf = require(${JSON.stringify(packagePath)}); if (tf.getBackend() !== 'tensorflow' || tf.add(1.5, 2).dataSync()[0] !== 3.5) process.exit(1);`;
  await command(process.execPath, ['-e', `const util = require('util'); util.isNullOrUndefined ??= (v) => v == null; ${script}`], packagePath, {
    TF_CPP_MIN_LOG_LEVEL: '2',
  });
}

function python(args: readonly string[]): Promise<void> {
  return command('python3', args, here);
}

/** @throws Error with the end of what the command printed. */
function command(name: string, args: readonly string[], cwd: string, added: Record<string, string> = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...ownEnvironment(), ...added } });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed = (printed + chunk.toString()).slice(-4000)));
    child.on('error', reject);
    child.on('close', (code, signal) => (code === 0 ? resolve() : reject(new Error(`${name} ended with ${signal ?? code}:\n${printed.trim()}`))));
  });
}

/** Without what `npm run` adds: it would make the inner npm work on our own package. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^npm_(config_local_prefix|package_|lifecycle_)/.test(name)));
}

async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  say(`${what}...`);
  const result = await work();
  say(`${what}: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

function say(line: string): void {
  process.stderr.write(`tfjs-node: ${line}\n`);
}
