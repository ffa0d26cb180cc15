/**
 * The files of versions, laid out for replicas to load: one folder a version, shared by its replicas, gone with the last one.
 * Real copies, never links: a library that reads one file of the folder must not reach a file that is stored for another model
 * (ONNX Runtime follows a hard link), and a file that is deleted from the store must not vanish under a replica.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { DomainError } from '../errors.js';
import type { ReplicaSpec } from './engine.js';
import { lookOr, provesAbsence } from './look.js';
import { identityOf, ownIdentity } from './process-identity.js';

/** Where artifacts come from: the registry's store, which may be remote. */
export interface ArtifactSource {
  /** Writes the artifact's bytes, as a file of its own, to a path that does not exist yet. */
  copyTo(digest: string, path: string): Promise<void>;
}

const ASIDE = '.aside-';

export class VersionFolders {
  private readonly root: string;
  private readonly queues = new Map<string, Promise<unknown>>();

  constructor(
    home: string,
    private readonly artifacts: ArtifactSource,
  ) {
    this.root = join(home, 'run', 'versions');
  }

  folderOf(versionDigest: string): string {
    return join(this.root, versionDigest.replaceAll(/[^0-9A-Za-z_-]/g, '_'));
  }

  /**
   * Makes the version's folder unless it is there; whole or not at all, also after a power cut.
   * @throws DomainError INVALID for a path that leads out of the folder; the store's own error for an artifact that is not there.
   */
  async ensure(spec: Pick<ReplicaSpec, 'versionDigest' | 'files'>): Promise<string> {
    const folder = this.folderOf(spec.versionDigest);
    await this.alone(folder, async () => {
      if (await exists(folder)) return;
      for (const { path } of spec.files) assertInside(path);
      const aside = join(this.root, `${ASIDE}${process.pid}-${ownIdentity().startTime}-${Math.random().toString(36).slice(2)}`);
      try {
        await mkdir(aside, { recursive: true });
        for (const { path, digest } of spec.files) {
          const target = join(aside, path);
          await mkdir(dirname(target), { recursive: true });
          await this.artifacts.copyTo(digest, target);
          await flush(target);
        }
        await rename(aside, folder).catch(async (error: NodeJS.ErrnoException) => {
          // Another server of this home was faster: the same digest is the same bytes.
          if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
        });
      } finally {
        await rm(aside, { recursive: true, force: true });
      }
    });
    return folder;
  }

  /** Removes the version's folder unless `inUse`, asked when nothing else happens to this version, says that a replica needs it. */
  async release(versionDigest: string, inUse: () => boolean): Promise<void> {
    const folder = this.folderOf(versionDigest);
    await this.alone(folder, async () => {
      if (!inUse()) await rm(folder, { recursive: true, force: true });
    });
  }

  /**
   * Removes every folder that none of these versions has, and what copies that were cut short left behind.
   * @param used asked after the folders were listed: replicas are recorded before their folder is made, by any server of this home.
   */
  async sweep(used: () => Iterable<string>): Promise<void> {
    const names = await readdir(this.root).catch((error: unknown) => (provesAbsence(error) ? [] : raise(error)));
    const keep = new Set([...used()].map((digest) => this.folderOf(digest)));
    for (const name of names) {
      const folder = join(this.root, name);
      if (name.startsWith(ASIDE) ? !isBeingWritten(name) : !keep.has(folder)) await rm(folder, { recursive: true, force: true });
    }
  }

  private alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    const done = (this.queues.get(key) ?? Promise.resolve()).then(work, work);
    const settled = done
      .catch(() => undefined)
      .finally(() => {
        if (this.queues.get(key) === settled) this.queues.delete(key);
      });
    this.queues.set(key, settled);
    return done;
  }
}

/** An artifact source over a folder of files named by their digests: copies on write where the file system can. */
export function folderSource(folder: string): ArtifactSource {
  return { copyTo: (digest, path) => copyFile(join(folder, digest), path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL) };
}

function isBeingWritten(name: string): boolean {
  const [pid, startTime] = name.slice(ASIDE.length).split('-');
  return lookOr(true, () => identityOf(Number(pid))?.startTime === startTime);
}

function assertInside(path: string): void {
  const clean = normalize(path);
  if (path === '' || isAbsolute(clean) || clean === '..' || clean.startsWith(`..${sep}`) || path.includes('\0')) {
    throw new DomainError('INVALID', `the file path "${path}" leads out of the version's folder; give a relative path below it`, ['files']);
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => !provesAbsence(error) && raise(error),
  );

function raise(error: unknown): never {
  throw error;
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
