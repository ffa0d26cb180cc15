import { randomUUID } from 'node:crypto';
/** What only a store on a file system can meet: full disks, folders that are not there, damaged bytes, what a kill leaves. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compiled } from '../../server/paths.js';
import { sha256 } from '../../server/registry/digest.js';
import { ownIdentity } from '../../server/engines/process-identity.js';
import { FileArtifactStore } from '../../server/registry/file-artifact-store.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'store-'));
});
afterEach(() => rm(root, { recursive: true }));

const MAX = 1e9;

/** A store in a process of its own takes a megabyte; what it threw, and what was left of it. */
async function putMegabyteUnder(shell: string): Promise<{ code: string; message: string; left: string[] }> {
  const script = `
    const { FileArtifactStore } = await import(process.argv[1]);
    const { Readable } = await import('node:stream');
    const { createHash } = await import('node:crypto');
    const { readdir } = await import('node:fs/promises');
    const megabyte = Buffer.alloc(2 ** 20, 1);
    const store = await FileArtifactStore.at(process.argv[2]);
    const error = await store.put(Readable.from([megabyte.subarray(0, 1000), megabyte.subarray(1000)]), createHash('sha256').update(megabyte).digest('hex'), 1e9).catch((e) => e);
    console.log(JSON.stringify({ code: error.code, message: error.message, left: await readdir(process.argv[2], { recursive: true }) }));`;
  const command = `${shell} exec "$0" "$@"`;
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    command,
    process.execPath,
    '--input-type=module',
    '-e',
    script,
    compiled('server', 'registry', 'file-artifact-store.js'),
    join(root, 'store'),
  ]);
  return JSON.parse(stdout) as { code: string; message: string; left: string[] };
}

test('a file that the disk does not take whole leaves nothing', async () => {
  const result = await putMegabyteUnder('ulimit -f 64;');
  expect(result).toEqual({
    code: 'UNAVAILABLE',
    message: 'the artifact store cannot take the file: its disk does not accept a file of this size (EFBIG)',
    left: ['incoming'],
  });
});

const mountable = await promisify(execFile)('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', tmpdir()]).then(
  () => true,
  () => false,
);

test.runIf(mountable)('a full disk leaves nothing', async () => {
  await mkdir(join(root, 'store'));
  const { stdout } = await promisify(execFile)('unshare', [
    '-rm',
    'sh',
    '-c',
    `mount -t tmpfs -o size=256k none "$1" && df -k "$1" | tail -1`,
    'sh',
    join(root, 'store'),
  ]);
  expect(stdout).toMatch(/256/);
  const result = await putMegabyteUnder(
    `[ -n "$INSIDE" ] || INSIDE=1 exec unshare -rm sh -c 'mount -t tmpfs -o size=256k none '${join(root, 'store')}'; exec "$0" "$@"' "$0" "$@";`,
  );
  expect(result).toMatchObject({ code: 'UNAVAILABLE', left: ['incoming'] });
  expect(result.message).toMatch(/^the artifact store cannot take the file: its disk is full \(ENOSPC\); free space for \S+, then send it again$/);
});

test('a folder that vanished or is not one is UNAVAILABLE, and says so', async () => {
  const store = await FileArtifactStore.at(root);
  await rm(join(root, 'incoming'), { recursive: true });
  await expect(store.put(Readable.from(['x']), sha256('x'), MAX)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'the artifact store cannot take the file: its folder is gone (ENOENT)',
  });
  await writeFile(join(root, 'incoming'), 'a file');
  await expect(store.put(Readable.from(['x']), sha256('x'), MAX)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'the artifact store cannot take the file: its folder is gone (ENOTDIR)',
  });
  expect(await store.exists(sha256('x'))).toBe(false);
});

test.runIf(process.getuid?.() !== 0)('a folder that is not writable is UNAVAILABLE', async () => {
  const store = await FileArtifactStore.at(root);
  await chmod(join(root, 'incoming'), 0o500);
  await expect(store.put(Readable.from(['x']), sha256('x'), MAX)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'the artifact store cannot take the file: its folder is not writable (EACCES)',
  });
  await chmod(join(root, 'incoming'), 0o700);
});

test('damaged bytes are not copied, and both digests are named', async () => {
  const store = await FileArtifactStore.at(root);
  const digest = sha256('good');
  await store.put(Readable.from(['good']), digest, MAX);
  const path = join(root, digest.slice(0, 2), digest);
  expect((await stat(path)).mode & 0o777).toBe(0o400);
  await rm(path);
  await writeFile(path, 'rots');
  await expect(store.copyTo(digest, join(root, 'copy'))).rejects.toMatchObject({
    code: 'INVALID',
    message: `the artifact store holds a damaged file: the file under ${digest} has the digest ${sha256('rots')}`,
  });
  await expect(stat(join(root, 'copy'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('uploads of a killed server are cleared away at the next start, those under way are not', async () => {
  await FileArtifactStore.at(root);
  await writeFile(join(root, 'incoming', 'old'), 'x');
  await writeFile(join(root, 'incoming', 'new'), 'x');
  const hoursAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  await utimes(join(root, 'incoming', 'old'), hoursAgo, hoursAgo);
  // An upload of this process, which lives, and one of a process that had its id before.
  const { pid, startTime } = ownIdentity();
  const mine = `${pid}-${startTime}-${randomUUID()}`;
  await writeFile(join(root, 'incoming', mine), 'x');
  await writeFile(join(root, 'incoming', `${pid}-1-${randomUUID()}`), 'x');
  await FileArtifactStore.at(root);
  expect((await readdir(join(root, 'incoming'))).sort()).toEqual([mine, 'new'].sort());
});

test('what came of an upload to a killed server is kept for a day', async () => {
  await FileArtifactStore.at(root);
  const digest = sha256('abcdef');
  await writeFile(join(root, 'incoming', `${process.pid}-1-${randomUUID()}-${digest}`), 'abc');
  const store = await FileArtifactStore.at(root);
  expect(await store.received(digest)).toBe(3);
  expect(await readdir(join(root, 'incoming'))).toEqual([]);
  const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
  await utimes(join(root, 'partial', digest), yesterday, yesterday);
  await store.prune(new Date());
  expect(await store.received(digest)).toBe(0);
});

test('an upload that had come whole when its server was killed can go on, though its file was read-only', async () => {
  await FileArtifactStore.at(root);
  const digest = sha256('abcdef');
  const incoming = join(root, 'incoming', `${process.pid}-1-${randomUUID()}-${digest}`);
  await writeFile(incoming, 'abcdef', { mode: 0o400 });
  const store = await FileArtifactStore.at(root);
  expect((await stat(join(root, 'partial', digest))).mode & 0o777).toBe(0o600);
  expect(await store.put(Readable.from([]), digest, MAX, 6)).toBe(6);
});

test('a reader that stops early lets go of the file', async () => {
  const store = await FileArtifactStore.at(root);
  const big = Buffer.alloc(5 * 2 ** 20);
  await store.put(Readable.from([big]), sha256(big), MAX);
  const openFiles = async (): Promise<number> => {
    const names = await readdir('/proc/self/fd');
    const paths = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
    return paths.filter((path) => path.startsWith(root)).length;
  };
  const reader = store.open(sha256(big))[Symbol.asyncIterator]();
  await reader.next();
  expect(await openFiles()).toBe(1);
  await reader.return!();
  for (let i = 0; i < 20; i++) for await (const _chunk of store.open(sha256(big))) break;
  // A file is closed by another thread.
  await expect.poll(openFiles, { timeout: 10_000 }).toBe(0);
});
