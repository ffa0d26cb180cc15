/** What every artifact store must do. A further implementation joins by adding itself to STORES. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ArtifactStore } from '../../server/registry/artifact-store.js';
import { sha256 } from '../../server/registry/digest.js';
import { FileArtifactStore } from '../../server/registry/file-artifact-store.js';

interface Opened {
  readonly store: ArtifactStore;
  /** Whether anything is left of an upload that is not visible. */
  leftovers(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const STORES: Record<string, () => Promise<Opened>> = {
  filesystem: async () => {
    const root = await mkdtemp(join(tmpdir(), 'store-'));
    const { readdir } = await import('node:fs/promises');
    return { store: await FileArtifactStore.at(root), leftovers: () => readdir(join(root, 'incoming')), close: () => rm(root, { recursive: true }) };
  },
};

const MAX = 10 * 1024 * 1024;
const bytes = (text: string): Buffer => Buffer.from(text);
const streamOf = (...chunks: Uint8Array[]): Readable => Readable.from(chunks, { objectMode: false });

describe.each(Object.entries(STORES))('artifact store: %s', (_name, open) => {
  let opened: Opened;
  let store: ArtifactStore;
  beforeEach(async () => {
    opened = await open();
    store = opened.store;
  });
  afterEach(() => opened.close());

  /** Asserts that a failed put left nothing. */
  async function nothingOf(digest: string): Promise<void> {
    expect(await store.exists(digest)).toBe(false);
    expect(await store.size(digest)).toBeUndefined();
    expect(await opened.leftovers()).toEqual([]);
  }

  test('what was put comes back, in any chunks', async () => {
    const whole = Buffer.alloc(1_500_000, 'pilothouse');
    const digest = sha256(whole);
    expect(await store.put(streamOf(whole.subarray(0, 1), whole.subarray(1, 700_000), whole.subarray(700_000)), digest, MAX)).toBe(whole.byteLength);
    expect(await store.exists(digest)).toBe(true);
    expect(await store.size(digest)).toBe(whole.byteLength);
    expect((await buffer(store.open(digest))).equals(whole)).toBe(true);
    expect(await opened.leftovers()).toEqual([]);
  });

  test('an empty file is a file', async () => {
    expect(await store.put(streamOf(), sha256(''), MAX)).toBe(0);
    expect(await store.size(sha256(''))).toBe(0);
    expect((await buffer(store.open(sha256('')))).byteLength).toBe(0);
  });

  test('other bytes than announced are refused by both digests', async () => {
    const announced = sha256('announced');
    await expect(store.put(streamOf(bytes('sent')), announced, MAX)).rejects.toMatchObject({
      code: 'INVALID',
      message: `the bytes have the digest ${sha256('sent')}, not ${announced} as announced`,
    });
    await nothingOf(announced);
    await nothingOf(sha256('sent'));
  });

  test('one byte past the limit is refused, the limit itself is not', async () => {
    await expect(store.put(streamOf(bytes('12345')), sha256('12345'), 4)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      message: 'the file has more than the 4 bytes that an artifact may have',
    });
    await nothingOf(sha256('12345'));
    expect(await store.put(streamOf(bytes('1234')), sha256('1234'), 4)).toBe(4);
  });

  const breakingOff = (text: string): Readable =>
    Readable.from(
      (async function* () {
        yield bytes(text);
        throw new Error('connection reset');
      })(),
    );

  test('an upload that breaks off is not visible, and can go on where it broke off', async () => {
    const whole = bytes('the first half and the second');
    const digest = sha256(whole);
    const broken = { code: 'INVALID', message: 'the upload stopped after 14 bytes: connection reset' };
    await expect(store.put(breakingOff('the first half'), digest, MAX)).rejects.toMatchObject(broken);
    await nothingOf(digest);
    expect(await store.received(digest)).toBe(14);
    const again = { code: 'INVALID', message: 'the upload stopped after 18 bytes: connection reset' };
    await expect(store.put(breakingOff(' and'), digest, MAX, 14)).rejects.toMatchObject(again);
    expect(await store.received(digest)).toBe(18);
    expect(await store.put(streamOf(whole.subarray(18)), digest, MAX, 18)).toBe(whole.byteLength);
    expect((await buffer(store.open(digest))).equals(whole)).toBe(true);
    expect(await store.received(digest)).toBe(0);
    expect(await opened.leftovers()).toEqual([]);
  });

  test('an upload goes on only where the one before broke off; one from the beginning is taken too', async () => {
    const digest = sha256('abcdef');
    await expect(store.put(breakingOff('abc'), digest, MAX)).rejects.toMatchObject({ code: 'INVALID' });
    const conflict = { code: 'CONFLICT', message: 'the upload cannot go on at byte 2: 3 bytes have come; ask again with HEAD' };
    await expect(store.put(streamOf(bytes('cdef')), digest, MAX, 2)).rejects.toMatchObject(conflict);
    expect(await store.received(digest)).toBe(3);
    // A shorter beginning does not take the place of a longer one.
    await expect(store.put(breakingOff('a'), digest, MAX)).rejects.toMatchObject({ code: 'INVALID' });
    expect(await store.received(digest)).toBe(3);
  });

  test('a beginning that was of other bytes is no fault of the upload that goes on behind it', async () => {
    const digest = sha256('abcdef');
    await expect(store.put(breakingOff('abX'), digest, MAX)).rejects.toMatchObject({ code: 'INVALID' });
    await expect(store.put(streamOf(bytes('def')), digest, MAX, 3)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/have the digest .*; their first 3 were of an upload that broke off: send the file from its first byte$/),
    });
    await nothingOf(digest);
    expect(await store.received(digest)).toBe(0);
    expect(await store.put(streamOf(bytes('abcdef')), digest, MAX)).toBe(6);
  });

  test('nothing is visible before the last byte', async () => {
    const digest = sha256('ab');
    const source = new Readable({ read: () => undefined });
    const put = store.put(source, digest, MAX);
    source.push('a');
    await new Promise((done) => setImmediate(done));
    expect(await store.exists(digest)).toBe(false);
    source.push('b');
    source.push(null);
    expect(await put).toBe(2);
    expect(await store.exists(digest)).toBe(true);
  });

  test('bytes that are there already are not read again', async () => {
    const digest = sha256('once');
    await store.put(streamOf(bytes('once')), digest, MAX);
    let read = false;
    const second = new Readable({
      read() {
        read = true;
        this.push(null);
      },
    });
    expect(await store.put(second, digest, MAX)).toBe(4);
    expect(read).toBe(false);
  });

  test('the same bytes from several writers at once', async () => {
    const whole = Buffer.alloc(300_000, 7);
    const digest = sha256(whole);
    const sizes = await Promise.all(Array.from({ length: 5 }, () => store.put(streamOf(whole.subarray(0, 100_000), whole.subarray(100_000)), digest, MAX)));
    expect(sizes).toEqual(Array(5).fill(300_000));
    expect((await buffer(store.open(digest))).equals(whole)).toBe(true);
    expect(await opened.leftovers()).toEqual([]);
  });

  test('what is not there: exists, size, open, copyTo, delete', async () => {
    const digest = sha256('absent');
    await nothingOf(digest);
    const missing = { code: 'NOT_FOUND', message: `there is no artifact ${digest}` };
    await expect(buffer(store.open(digest))).rejects.toMatchObject(missing);
    const to = join(await mkdtemp(join(tmpdir(), 'copy-')), 'file');
    await expect(store.copyTo(digest, to)).rejects.toMatchObject(missing);
    await expect(stat(to)).rejects.toMatchObject({ code: 'ENOENT' });
    await store.delete(digest);
  });

  test('a copy is a file of its own, writable, and is never written over', async () => {
    await store.put(streamOf(bytes('model')), sha256('model'), MAX);
    const to = join(await mkdtemp(join(tmpdir(), 'copy-')), 'model.onnx');
    await store.copyTo(sha256('model'), to);
    expect(await readFile(to, 'utf8')).toBe('model');
    expect((await stat(to)).nlink).toBe(1);
    await expect(store.copyTo(sha256('model'), to)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(to, 'utf8')).toBe('model');
  });

  test('what was deleted is gone, and can be put again', async () => {
    const digest = sha256('again');
    await store.put(streamOf(bytes('again')), digest, MAX);
    await store.delete(digest);
    await nothingOf(digest);
    expect(await store.put(streamOf(bytes('again')), digest, MAX)).toBe(5);
  });

  test.each(['', 'abc', sha256('x').toUpperCase(), `${sha256('x')}0`, `../${sha256('x').slice(3)}`])('%j is not a digest', async (digest) => {
    const malformed = { code: 'INVALID', message: `"${digest}" is not a SHA-256 digest; it must be 64 lower-case hexadecimal digits` };
    await expect(store.put(streamOf(bytes('x')), digest, MAX)).rejects.toMatchObject(malformed);
    await expect(store.exists(digest)).rejects.toMatchObject(malformed);
    await expect(buffer(store.open(digest))).rejects.toMatchObject(malformed);
    await expect(store.delete(digest)).rejects.toMatchObject(malformed);
    expect(await opened.leftovers()).toEqual([]);
  });
});
