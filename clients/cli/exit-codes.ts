/** The exit codes of the command, and which error leads to which. They are a contract: scripts depend on them. */
import { PilothouseError } from '../typescript/src/errors.js';

export const EXIT = { done: 0, failed: 1, wrongUse: 2, notFound: 3, notAllowed: 4, unreachable: 5, conflict: 6, timeout: 124 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with a message of one line and an exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    readonly exitCode: ExitCode,
    message: string,
  ) {
    super(message);
  }
}

export const wrongUse = (message: string): CommandError => new CommandError(EXIT.wrongUse, message);
export const notFound = (message: string): CommandError => new CommandError(EXIT.notFound, message);

const OF_CODE: Readonly<Record<string, ExitCode>> = {
  INVALID: EXIT.wrongUse,
  NOT_FOUND: EXIT.notFound,
  UNAUTHENTICATED: EXIT.notAllowed,
  FORBIDDEN: EXIT.notAllowed,
  CONFLICT: EXIT.conflict,
  ALREADY_EXISTS: EXIT.conflict,
  DEADLINE_EXCEEDED: EXIT.timeout,
};

/** No answer came at all: the server is down, or cannot be reached. */
export const isUnreachable = (error: unknown): boolean => error instanceof PilothouseError && error.code === 'UNAVAILABLE' && error.status === undefined;

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not read or write it',
  EISDIR: 'it is a folder; name a file',
  ENOTDIR: 'a part of the path is a file',
};

/** The exit code and the one line for an error. */
export function explain(error: unknown): { exitCode: ExitCode; message: string } {
  if (error instanceof CommandError) return { exitCode: error.exitCode, message: error.message };
  if (isUnreachable(error))
    return { exitCode: EXIT.unreachable, message: `${(error as Error).message}; start the server with "pilothouse up", or name another one with --url` };
  if (error instanceof PilothouseError) return { exitCode: OF_CODE[error.code] ?? EXIT.failed, message: error.message };
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && FILE_ERRORS[code] !== undefined && path !== undefined) return { exitCode: EXIT.wrongUse, message: `${path}: ${FILE_ERRORS[code]}` };
  return { exitCode: EXIT.failed, message: message ?? String(error) };
}
