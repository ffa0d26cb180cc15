/**
 * Starts a replica's process so that it needs its server for nothing: a session of its own, its log in a file, and a shell
 * around it that records the process before it begins and how it ended, even if the server is dead by then.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { HostCommand } from '../../runtimes/contract.js';
import { program } from '../paths.js';
import type { ReplicaFolder } from './replica-folder.js';
import { shellText } from './shell-text.js';

const OUTER = shellText('identify', 'claim', 'replica');
const INNER = shellText('identify', 'replica-process');

export interface SpawnOptions {
  readonly folder: ReplicaFolder;
  readonly logPath: string;
  readonly environment: NodeJS.ProcessEnv;
  /** The plugin's own host; undefined for Node's. */
  readonly host: HostCommand | undefined;
  /** Shell text that sets the limits; see `limits.ts`. */
  readonly limits: string;
  /** Called when the shell ended, as long as this server lives. */
  readonly onExit: () => void;
}

/** Resolves when the shell runs. @throws Error when the system cannot start a process now. */
export async function spawnReplica(options: SpawnOptions): Promise<void> {
  const { folder, host, limits } = options;
  const environment = { ...options.environment, ...host?.environment };
  const log = openSync(options.logPath, 'a', 0o600);
  try {
    const command = [...(host?.command ?? [process.execPath, program('runtimes/host/main')]), folder.specPath];
    const shell = spawn('/bin/sh', ['-c', OUTER, 'pilothouse-replica', folder.path, INNER, limits, ...command], {
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
