/** The shell programs in `shell/`. They are passed to a shell as text, so an upgrade that replaces the files changes no running shell. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../paths.js';

export type ShellProgram = 'identify' | 'claim' | 'gateway-holder' | 'replica' | 'replica-process';

export const SHELL_FOLDER = join(PROJECT_ROOT, 'server', 'engines', 'shell');

/** One program after the other, without their comments, which `ps` would show. */
export const shellText = (...programs: readonly ShellProgram[]): string =>
  programs.map((name) => readFileSync(join(SHELL_FOLDER, `${name}.sh`), 'utf8').replace(/^ *#.*\n/gm, '')).join('');
