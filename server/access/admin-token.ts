/** The file in the home folder that holds the operator's token. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface AdminTokenFile {
  readonly path: string;
  /** The token, or undefined when there is no file or something else is in it. */
  read(): Promise<string | undefined>;
  /** Replaces the file, whole or not at all, readable by its owner only. */
  write(token: string): Promise<void>;
}

/** The operator may change the file at any time; reading it for every inference took a twelfth of the server's time. */
const REMEMBERED_MS = 1_000;
const TOKEN = /^ph_[A-Za-z0-9_-]{43}$/;

export function adminTokenFile(home: string): AdminTokenFile {
  const path = join(home, 'admin-token');
  return {
    path,
    read: async () => {
      try {
        const token = (await readFile(path, 'utf8')).trim();
        // A copy or a restored backup may have left it open to others.
        await chmod(path, 0o600);
        return TOKEN.test(token) ? token : undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    write: async (token) => {
      await mkdir(home, { recursive: true });
      const aside = join(home, `.admin-token.${randomUUID()}`);
      try {
        const file = await open(aside, 'wx', 0o600);
        try {
          await file.writeFile(`${token}\n`);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(aside, path);
        const folder = await open(home, 'r');
        await folder.sync().finally(() => folder.close());
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
    },
  };
}

/** What the file at `path` holds, at most a second old; undefined where it cannot be read. */
export function currentToken(path: string): () => string | undefined {
  let known: { token: string | undefined; at: number } | undefined;
  return () => {
    if (!known || performance.now() - known.at > REMEMBERED_MS) known = { token: readToken(path), at: performance.now() };
    return known.token;
  };
}

function readToken(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
