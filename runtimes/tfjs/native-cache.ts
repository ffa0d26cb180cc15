/**
 * Where the native TensorFlow binding lies that `npm run build:tfjs-node` makes, and what it is made of. It is kept outside
 * `node_modules`, because `npm ci` would delete it there, under a name that changes with everything it is made of.
 */
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';

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

export interface NativeFolder {
  /** Absolute path of the finished build, there or not. */
  readonly folder: string;
  /** The package to be loaded by path. */
  readonly packagePath: string;
  /** The binding; the build is whole when it is there, because the folder gets its name last. */
  readonly bindingPath: string;
}

/** @param environment `PILOTHOUSE_TFJS_NODE_CACHE` is the folder of all builds; default `~/.cache/pilothouse/tfjs-node`. */
export function nativeFolder(environment: Readonly<Record<string, string | undefined>>): NativeFolder {
  const root = environment['PILOTHOUSE_TFJS_NODE_CACHE'] || join(homedir(), '.cache', 'pilothouse', 'tfjs-node');
  const key = createHash('sha256')
    .update(JSON.stringify([NATIVE_PINS, process.platform, process.arch]))
    .digest('hex')
    .slice(0, 16);
  const folder = join(root, key);
  const packagePath = join(folder, 'node_modules', '@tensorflow', 'tfjs-node');
  return { folder, packagePath, bindingPath: bindingOf(packagePath) };
}

export const bindingOf = (packagePath: string): string => join(packagePath, 'lib', `napi-v${NATIVE_PINS.napiVersion}`, 'tfjs_binding.node');
