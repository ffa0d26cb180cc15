/** The servers that `pilothouse login` has saved, in a file that only its owner can read. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { EXIT, CommandError } from './exit-codes.js';

export interface Context {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly gatewayUrl?: string;
}

export interface Contexts {
  readonly current: string | null;
  readonly contexts: readonly Context[];
}

type Environment = Readonly<Record<string, string | undefined>>;

export const contextFile = (env: Environment): string => join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'pilothouse', 'contexts.json');

export function readContexts(env: Environment): Contexts {
  const path = contextFile(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { current: null, contexts: [] };
    throw error;
  }
  try {
    const { current, contexts } = JSON.parse(text) as Contexts;
    if (!Array.isArray(contexts)) throw new Error('it must have a list of contexts');
    return { current, contexts };
  } catch (error) {
    throw new CommandError(EXIT.failed, `${path} cannot be read: ${(error as Error).message}; remove it and run "pilothouse login" again`);
  }
}

/** Replaces the file, whole or not at all. */
export function writeContexts(env: Environment, contexts: Contexts): void {
  const path = contextFile(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600 });
  renameSync(aside, path);
}

export const currentContext = ({ current, contexts }: Contexts): Context | undefined => contexts.find(({ name }) => name === current);
