/** Where this program's own files lie, whether it runs from `dist/` or, in tests, from its sources. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, above the sources, dist/ and the bundles. */
export const PROJECT_ROOT = rootOf(dirname(fileURLToPath(import.meta.url)));

function rootOf(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootOf(dirname(folder));
}

/** Of this program, as package.json has it. */
export const VERSION = (JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { version: string }).version;

/** A compiled file. */
export const compiled = (...path: string[]): string => join(PROJECT_ROOT, 'dist', ...path);

/** The programs of the processes; each has a bundle of its own. */
export type Program =
  | 'server/main'
  | 'server/stop-main'
  | 'server/gateway/main'
  | 'server/gateway/text/text-main'
  | 'runtimes/host/main'
  | 'runtimes/host/validate-main'
  | 'runtimes/host/idle-main';

/** The file that a process runs: tests run the same. */
export const program = (name: Program): string => compiled('bundle', `${name}.js`);

/** What versions need installed, by the hash of what they ask for; shared by the servers of a home. */
export const environmentsFolder = (home: string): string => join(home, 'environments');

/** Where each gateway of a home records which process it is, in a file of its id. */
export const gatewayProcessesFolder = (home: string): string => join(home, 'run', 'gateway-processes');
