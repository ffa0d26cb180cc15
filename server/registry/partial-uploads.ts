/** Beginnings of uploads that broke off, under the digest that was announced. They are kept for a day, so that an upload can go on behind them. */
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from './digest.js';

const KEPT_MS = 24 * 60 * 60 * 1000;

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

export class PartialUploads {
  constructor(private readonly folder: string) {}

  /** In bytes; 0 where there is none. */
  size(digest: Digest): Promise<number> {
    return sizeOf(join(this.folder, digest));
  }

  /** Moves a beginning of this size to a path of the caller's, who alone has it from then on. @returns false where there is none */
  async take(digest: Digest, sizeBytes: number, path: string): Promise<boolean> {
    try {
      await rename(join(this.folder, digest), path);
    } catch {
      return false;
    }
    if ((await sizeOf(path)) === sizeBytes) return true;
    await this.keep(path, digest);
    return false;
  }

  /** Takes over what came of an upload, unless a longer beginning is there. */
  async keep(path: string, digest: Digest): Promise<void> {
    if ((await sizeOf(path)) <= (await this.size(digest))) return rm(path, { force: true });
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    // A server that was killed may have made it read-only already: it had come whole.
    await chmod(path, 0o600);
    await rename(path, join(this.folder, digest));
  }

  /** Removes uploads that were not continued for a day. */
  async prune(now: Date): Promise<void> {
    for (const name of await readdir(this.folder).catch(() => [])) {
      const path = join(this.folder, name);
      const written = await stat(path).catch(() => undefined);
      if (written && now.getTime() - written.mtimeMs > KEPT_MS) await rm(path, { force: true });
    }
  }
}
