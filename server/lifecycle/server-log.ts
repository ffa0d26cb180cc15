/** The server's log: JSON lines in `<home>/logs/server.log`, without secrets. */
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pino, type Logger } from 'pino';
import { LogSink } from '../log-sink.js';
import { withoutSecrets } from './terminal.js';

const MAX_BYTES = 32 * 1024 ** 2;
const SECRET = ['token', 'password', 'secret', 'authorization', 'cookie', 'DATABASE_URL', 'databaseUrl'];

export const serverLogPath = (home: string): string => join(home, 'logs', 'server.log');

/** Opens the log; one that has grown large is put aside as `server.log.1` first. */
export function openServerLog(home: string, level: string): Logger {
  const path = serverLogPath(home);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_BYTES) renameSync(path, `${path}.1`);
  const redact = { paths: SECRET.flatMap((name) => [name, `*.${name}`, `*.headers.${name}`, `headers.${name}`]), censor: '[secret]' };
  const base = { pid: process.pid };
  return pino({ level, redact, base, hooks: { streamWrite: withoutSecrets } }, new LogSink('server', path, base));
}
