import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeSocketFolder, MAX_SOCKET_PATH_BYTES, removeSocketFolder, socketFolder, socketPath } from '../../../server/engines/socket-folder.js';

describe('the folder of sockets', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'pilothouse-sockets-'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true });
  });
  const longHome = () => join(root, 'a-folder-with-a-long-name-'.repeat(4));

  it('lies in the home where that is short', () => {
    const folder = makeSocketFolder(join(root, 'home'));
    expect(folder).toBe(join(root, 'home', 'run', 'sockets'));
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
  });

  it('lies elsewhere for a long home, always the same, for this home alone, and every path fits', () => {
    const home = longHome();
    const folder = makeSocketFolder(home);
    expect(folder.startsWith(tmpdir())).toBe(true);
    expect(socketFolder(home)).toBe(folder);
    expect(socketFolder(`${home}2`)).not.toBe(folder);
    const path = socketPath(home, 'x'.repeat(500));
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(MAX_SOCKET_PATH_BYTES);
    expect(socketPath(home, 'y')).not.toBe(path);
    removeSocketFolder(home);
    expect(existsSync(folder)).toBe(false);
  });

  it('counts bytes, not characters', () => {
    const home = join(root, '漢'.repeat(20));
    expect(home.length).toBeLessThan(70);
    expect(socketFolder(home).startsWith(home)).toBe(false);
  });

  it('finds a short place though the temporary directory has a long path, and says so where there is none', () => {
    vi.stubEnv('TMPDIR', longHome());
    expect(socketFolder(longHome())).toMatch(/^\/tmp\/pilothouse-/);
  });

  it('takes no folder that others can enter, nor a link', () => {
    const home = longHome();
    const folder = makeSocketFolder(home);
    chmodSync(folder, 0o755);
    expect(() => makeSocketFolder(home)).toThrow(
      expect.objectContaining({ code: 'FAILED_PRECONDITION', message: expect.stringContaining('must be a folder of mode 0700') }),
    );
    rmSync(folder, { recursive: true });
    mkdirSync(join(root, 'elsewhere'), { mode: 0o700 });
    symlinkSync(join(root, 'elsewhere'), folder);
    expect(() => makeSocketFolder(home)).toThrow(/must be a folder of mode 0700/);
    writeFileSync(join(root, 'elsewhere', '0123456789abcdef.sock'), '');
    removeSocketFolder(home);
    expect(existsSync(join(root, 'elsewhere', '0123456789abcdef.sock'))).toBe(true);
    rmSync(folder);
  });

  it('removes sockets of its own, and nothing else', () => {
    const home = join(root, 'home');
    const folder = makeSocketFolder(home);
    for (const name of ['0123456789abcdef.sock', 'note.txt']) writeFileSync(join(folder, name), '');
    removeSocketFolder(home);
    expect(existsSync(join(folder, '0123456789abcdef.sock'))).toBe(false);
    expect(existsSync(join(folder, 'note.txt'))).toBe(true);
  });
});
