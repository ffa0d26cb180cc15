/** Artifacts as files of one folder: `<root>/<first two digits>/<digest>`, written aside in `<root>/incoming/`; what broke off is in `<root>/partial/`. */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { isDiskFull } from '../disk-full.js';
import { bootId, isAlive, ownIdentity } from '../engines/process-identity.js';
import { DomainError } from '../errors.js';
import type { ArtifactStore } from './artifact-store.js';
import { type Digest, expectDigest } from './digest.js';
import { PartialUploads } from './partial-uploads.js';

/** An upload that has not grown for this long belongs to a server that is gone. */
const ABANDONED_MS = 60 * 60 * 1000;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** Failures of this machine rather than of the upload; anything else that a write may throw is our own mistake and stays as it is. */
const STORAGE_FAULTS: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full',
  EDQUOT: 'its disk quota is used up',
  EFBIG: 'its disk does not accept a file of this size',
  EACCES: 'its folder is not writable',
  EPERM: 'its folder is not writable',
  EROFS: 'its folder is not writable',
  ENOENT: 'its folder is gone',
  ENOTDIR: 'its folder is gone',
  EIO: 'its disk reports an error',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

function storageFault(error: unknown, root: string): unknown {
  const what = STORAGE_FAULTS[codeOf(error) ?? ''];
  if (!what) return error;
  const advice = isDiskFull(error) ? `; free space for ${root}, then send it again` : '';
  return new DomainError('UNAVAILABLE', `the artifact store cannot take the file: ${what} (${codeOf(error)})${advice}`, [], { cause: error });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Whether the server that received it is gone. A name without a process is of an older Pilothouse. */
async function isAbandoned(path: string, name: string, now: Date): Promise<boolean> {
  const [, pid, startTime] = /^(\d+)-([^-]+)-[0-9a-f]{8}-/.exec(name) ?? [];
  if (pid !== undefined) return !isAlive({ bootId: bootId(), pid: Number(pid), startTime: decodeURIComponent(startTime!) });
  const written = await stat(path).catch(() => undefined);
  return written !== undefined && now.getTime() - written.mtimeMs > ABANDONED_MS;
}

export class FileArtifactStore implements ArtifactStore {
  private readonly incoming: string;
  private readonly partial: PartialUploads;

  private constructor(private readonly root: string) {
    this.incoming = join(root, 'incoming');
    this.partial = new PartialUploads(join(root, 'partial'));
  }

  /** Makes the folder where it is missing, and takes what uploads of killed servers left for uploads that broke off. */
  static async at(root: string, now: Date = new Date()): Promise<FileArtifactStore> {
    const store = new FileArtifactStore(root);
    await mkdir(store.incoming, { recursive: true, mode: 0o700 });
    for (const name of await readdir(store.incoming)) {
      const path = join(store.incoming, name);
      if (!(await isAbandoned(path, name, now))) continue;
      const digest = /-([0-9a-f]{64})$/.exec(name)?.[1];
      await (digest === undefined ? rm(path, { force: true }) : store.partial.keep(path, digest));
    }
    await store.partial.prune(now);
    return store;
  }

  async put(content: Readable, digest: Digest, maxBytes: number, from = 0): Promise<number> {
    const present = await this.size(expectDigest(digest));
    if (present !== undefined) return present;
    const { pid, startTime } = ownIdentity();
    const aside = join(this.incoming, `${pid}-${encodeURIComponent(startTime)}-${randomUUID()}-${digest}`);
    if (from > 0 && !(await this.partial.take(digest, from, aside)))
      throw new DomainError('CONFLICT', `the upload cannot go on at byte ${from}: ${await this.received(digest)} bytes have come; ask again with HEAD`);
    const file = await open(aside, from > 0 ? 'r+' : 'wx', 0o600).catch((error: unknown) => {
      throw storageFault(error, this.root);
    });
    let brokeOff = false;
    try {
      const fault = (error: unknown) => storageFault(error, this.root);
      const onBreak = (): void => void (brokeOff = true);
      const size = await receive(content, file, { digest, maxBytes, from, fault, onBreak }).finally(() => file.close());
      await this.publish(aside, digest);
      return size;
    } catch (error) {
      await (brokeOff ? this.partial.keep(aside, digest) : rm(aside, { force: true })).catch(() => undefined);
      throw error;
    }
  }

  received(digest: Digest): Promise<number> {
    return this.partial.size(expectDigest(digest));
  }

  open(digest: Digest): Readable {
    return Readable.from(this.chunks(digest), { objectMode: false });
  }

  async size(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.path(expectDigest(digest)))).size;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw storageFault(error, this.root);
    }
  }

  async exists(digest: Digest): Promise<boolean> {
    return (await this.size(digest)) !== undefined;
  }

  async copyTo(digest: Digest, path: string): Promise<void> {
    const file = await open(path, 'wx', 0o600);
    try {
      const actual = createHash('sha256');
      for await (const chunk of this.chunks(digest)) {
        actual.update(chunk);
        await writeWhole(file, chunk);
      }
      const found = actual.digest('hex');
      if (found !== digest) throw new DomainError('INVALID', `the artifact store holds a damaged file: the file under ${digest} has the digest ${found}`);
      await file.close();
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Removes beginnings of uploads that nobody has gone on with for a day. */
  prune(now: Date): Promise<void> {
    return this.partial.prune(now);
  }

  async delete(digest: Digest): Promise<void> {
    await rm(this.path(expectDigest(digest)), { force: true });
  }

  private path(digest: Digest): string {
    return join(this.root, digest.slice(0, 2), digest);
  }

  private async *chunks(digest: Digest): AsyncGenerator<Buffer> {
    let file: FileHandle;
    try {
      file = await open(this.path(expectDigest(digest)), 'r');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw storageFault(error, this.root);
      throw new DomainError('NOT_FOUND', `there is no artifact ${digest}`);
    }
    yield* file.createReadStream({ highWaterMark: 256 * 1024 });
  }

  /** Makes whole bytes visible, so that not even a power cut takes them back. */
  private async publish(aside: string, digest: Digest): Promise<void> {
    const path = this.path(digest);
    try {
      if (await mkdir(dirname(path), { recursive: true, mode: 0o700 })) await syncFolder(this.root);
      await rename(aside, path);
      await syncFolder(dirname(path));
    } catch (error) {
      throw storageFault(error, this.root);
    }
  }
}

/** `write` may take less than it is given. @param position in the file; at its own position where it is left out */
async function writeWhole(file: FileHandle, chunk: Uint8Array, position?: number): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) at += (await file.write(chunk, at, undefined, position === undefined ? undefined : position + at)).bytesWritten;
}

interface Reception {
  readonly digest: Digest;
  readonly maxBytes: number;
  /** The file has so many bytes already. */
  readonly from: number;
  /** Called when the stream breaks off. */
  readonly onBreak: () => void;
  /** Explains what went wrong in writing. */
  readonly fault: (error: unknown) => unknown;
}

/** Writes the stream to the file, checked and safe on disk; returns its size. */
async function receive(content: Readable, file: FileHandle, { digest, maxBytes, from, fault, onBreak }: Reception): Promise<number> {
  const actual = createHash('sha256');
  if (from > 0) for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) actual.update(chunk as Buffer);
  let size = from;
  // By hand rather than by `for await`, which would destroy the stream on failure: an HTTP request's socket has to stay for the answer.
  const chunks = content.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer | string>;
  for (;;) {
    const next = await chunks.next().catch((error: Error) => {
      onBreak();
      throw new DomainError('INVALID', `the upload stopped after ${size} bytes: ${error.message}`, [], { cause: error });
    });
    if (next.done) break;
    const chunk = typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
    size += chunk.byteLength;
    if (size > maxBytes) {
      await chunks.return?.();
      throw new DomainError('LIMIT_EXCEEDED', `the file has more than the ${maxBytes} bytes that an artifact may have`);
    }
    actual.update(chunk);
    try {
      await writeWhole(file, chunk, size - chunk.byteLength);
    } catch (error) {
      await chunks.return?.();
      throw fault(error);
    }
  }
  const found = actual.digest('hex');
  if (found !== digest) {
    const wrong = `the bytes have the digest ${found}, not ${digest} as announced`;
    // Anybody may have sent the beginning, under whatever digest: it is gone now, and the whole file can be sent.
    if (from > 0) throw new DomainError('CONFLICT', `${wrong}; their first ${from} were of an upload that broke off: send the file from its first byte`);
    throw new DomainError('INVALID', wrong);
  }
  try {
    // The name would otherwise survive a power cut and the bytes not; read-only, because nothing may change them any more.
    await file.chmod(0o400);
    await file.sync();
  } catch (error) {
    throw fault(error);
  }
  return size;
}
