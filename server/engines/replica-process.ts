/**
 * Starts a replica's process so that it needs its server for nothing: a session of its own, its log in a file, and a shell
 * around it that records who it is before it begins and how it ended, whoever is alive by then.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { program } from '../paths.js';
import { CLAIM } from './claim.js';
import { IDENTIFY } from './process-identity.js';
import type { ReplicaFolder } from './replica-folder.js';

/**
 * $1 the folder, $2 the script of the inner shell, then the command. The traps keep the shell alive for the exit code when
 * somebody signals the whole group; a caught signal, unlike an ignored one, is back to its default in the child.
 */
const OUTER = `${CLAIM}
trap : TERM INT HUP
folder=$1; inner=$2; shift 2
sh -c "$inner" pilothouse-replica "$folder" "$@"
printf '%s\\n' "$?" 2>/dev/null > "$folder/exit"
`;

/** Has the pid that the command will have: it records itself, then becomes it. */
const inner = (limits: string): string => `${IDENTIFY}identify > "$1/process" || exit 126
shift
${limits}exec "$@"
`;

export interface SpawnOptions {
  readonly folder: ReplicaFolder;
  readonly logPath: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Shell text that sets the limits; see `limits.ts`. */
  readonly limits: string;
  /** Called when the shell ended, as long as this server lives. */
  readonly onExit: () => void;
}

/** Resolves when the shell runs. @throws Error when the system cannot start a process now. */
export async function spawnReplica(options: SpawnOptions): Promise<void> {
  const { folder, environment, limits } = options;
  const log = openSync(options.logPath, 'a', 0o600);
  try {
    const command = [process.execPath, program('runtimes/host/main'), folder.specPath];
    const shell = spawn('/bin/sh', ['-c', OUTER, 'pilothouse-replica', folder.path, inner(limits), ...command], {
      // Names of outside plugin modules are resolved from where the server runs.
      cwd: process.cwd(),
      env: environment,
      detached: true,
      stdio: ['ignore', log, log],
    });
    shell.once('exit', options.onExit);
    await once(shell, 'spawn');
    shell.unref();
  } finally {
    closeSync(log);
  }
}
