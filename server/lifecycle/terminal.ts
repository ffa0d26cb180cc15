/** What the person at the terminal reads: short lines. Everything else goes to the log file. */
import { DomainError } from '../errors.js';
import { redactUrl } from '../database/external-database.js';

export type Say = (line: string) => void;

/** Lines on stdout. A terminal that was closed is no reason to end: the server may be draining just because it was. */
export function terminal(): Say {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return (line) => void process.stdout.write(`${line}\n`);
}

/** The one line that says why the program ends, on stderr. */
export function complain(error: unknown, log?: string): void {
  const line = explain(error);
  const see = error instanceof DomainError || log === undefined ? '' : ` (details in ${log})`;
  process.stderr.write(`pilothouse: ${line}${see}\n`);
}

/** An error as one line, without the secrets that a database's URL may hold. */
export function explain(error: unknown): string {
  const text = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code || error.name : String(error);
  return withoutSecrets(text.split('\n')[0]!.trim());
}

export const withoutSecrets = (text: string): string => text.replace(/\bpostgres(?:ql)?:\/\/[^\s'")]+/g, (url) => redactUrl(url));
