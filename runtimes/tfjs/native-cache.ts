/**
 * Where the native TensorFlow binding lies that `npm run build:tfjs-node` makes, what it is made of, and which build this installation uses. It is
 * kept outside `node_modules`, because `npm ci` would delete it there, under a name that changes with everything it is made of.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Everything the build takes in, by hash. A change of any makes another folder. */
export const NATIVE_PINS = {
  /** Of `native/package-lock.json`, which pins each npm package by its integrity. */
  lockSha256: 'b8a5ee883dcf069dc2711e27fc27d597d29d6ad9b84891db727dde0525af8edf',
  /** Not a newer one without the whole contract suite: 2.21 builds too, and then `round` of int32 silently gives zeros. */
  wheel: 'tensorflow-cpu==2.12.0',
  wheelSha256: 'e8c7047552a2d759f3e65ac13e36dd24bb5fec2e6576e848287811ec44b3d62f',
  napiVersion: 8,
  /** Raised by hand when the steps of the build change. */
  recipe: 1,
} as const;

export interface NativeBuild {
  /** Absolute path of the finished build, there or not. */
  readonly folder: string;
  /** The package to be loaded by path. */
  readonly packagePath: string;
  /** The binding; the build is whole when it is there, because the folder gets its name last. */
  readonly bindingPath: string;
}

/** The folder of all builds, unless PILOTHOUSE_TFJS_NODE_CACHE names another. Every checkout of this user shares it. */
export const sharedCache = (): string => join(homedir(), '.cache', 'pilothouse', 'tfjs-node');

/** @param cache the folder of all builds */
export function nativeBuild(cache: string): NativeBuild {
  const key = createHash('sha256')
    .update(JSON.stringify([NATIVE_PINS, process.platform, process.arch]))
    .digest('hex')
    .slice(0, 16);
  const folder = join(cache, key);
  const packagePath = join(folder, 'node_modules', '@tensorflow', 'tfjs-node');
  return { folder, packagePath, bindingPath: bindingOf(packagePath) };
}

export const bindingOf = (packagePath: string): string => join(packagePath, 'lib', `napi-v${NATIVE_PINS.napiVersion}`, 'tfjs_binding.node');

/** In dist/, which no build of Pilothouse empties and which belongs to one checkout. */
const MARKER = join(rootOf(dirname(fileURLToPath(import.meta.url))), 'dist', '.tfjs-node.json');

/** Says that this installation uses the builds of this folder: written by the build, also where one was there already. */
export function chooseCache(cache: string, marker = MARKER): void {
  writeFileSync(marker, `${JSON.stringify({ cache })}\n`);
}

/**
 * The build that this installation was told to use: by configuration, else by `npm run build:tfjs-node`. A build that another checkout left in
 * the shared cache is not taken: it would change what computes here, and with it answers, without a word.
 * @param configured PILOTHOUSE_TFJS_NODE_CACHE
 */
export function chosenBuild(configured: string | undefined, marker = MARKER): NativeBuild | undefined {
  const cache = configured ?? markedCache(marker);
  return cache === undefined ? undefined : finished(cache);
}

/** The build in the cache that all installations share. Earlier releases always took this one. */
export const sharedBuild = (): NativeBuild | undefined => finished(sharedCache());

function finished(cache: string): NativeBuild | undefined {
  const build = nativeBuild(cache);
  return existsSync(build.bindingPath) ? build : undefined;
}

function markedCache(marker: string): string | undefined {
  try {
    const { cache } = JSON.parse(readFileSync(marker, 'utf8')) as { cache?: unknown };
    return typeof cache === 'string' ? cache : undefined;
  } catch {
    // Nothing was built from here, which is usual.
    return undefined;
  }
}

function rootOf(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootOf(dirname(folder));
}
