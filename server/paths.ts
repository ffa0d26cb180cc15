/** Where this program's own files lie, whether it runs from `dist/` or, in tests, from its sources. */
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** The folder that holds package.json. */
export const PROJECT_ROOT = here.endsWith(`${sep}dist${sep}server`) ? join(here, '..', '..') : join(here, '..');

/** A compiled file, for a process to run: child processes run from `dist/` in tests too. */
export const compiled = (...path: string[]): string => join(PROJECT_ROOT, 'dist', ...path);
