/** Ends one replica: asked first, then told, then killed; and nothing that is not its own is ever signalled. */
import { setTimeout } from 'node:timers/promises';
import { abandon } from './claim.js';
import { groupOf, isAlive, killGroup, killIdentity, type ProcessIdentity } from './process-identity.js';
import type { ReplicaFolder } from './replica-folder.js';
import type { ReplicaWatcher } from './replica-watcher.js';

const LOOK_MS = 10;
/** How long a replica may take to say that it drains, before it is sent SIGTERM, which means the same. */
const DRAIN_ANSWER_MS = 1_000;
/** How long the shell may take to end after its process. */
const SHELL_MS = 500;
/** How long the kernel may take to take a killed process apart. */
const KILLED_MS = 5_000;

/**
 * Resolves when nothing of the replica runs any more.
 * @param deadline when it is killed, on the clock of `performance.now()`; asked again and again, because it may be moved.
 */
export async function endReplica(watcher: ReplicaWatcher, epoch: number, deadline: () => number): Promise<void> {
  await endProcesses(watcher.folder, deadline, async (process) => {
    const left = Math.min(DRAIN_ANSWER_MS, Math.max(1, deadline() - performance.now()));
    // The engine has checked the epoch; the replica may have been started under a higher one of another database.
    if (await watcher.drain(Math.max(epoch, watcher.spec.epoch), left)) return;
    watcher.sentSignal = 'SIGTERM';
    killIdentity(process, 'SIGTERM');
  });
}

/**
 * The same for a replica that is not watched.
 * @param ask begins its draining.
 */
export async function endProcesses(folder: ReplicaFolder, deadline: () => number, ask: (process: ProcessIdentity) => Promise<void>): Promise<void> {
  if (abandon(folder.path, 'it was stopped before it started')) return;
  const claim = await untilDefined(() => {
    const now = folder.claim();
    return now.state === 'CLAIMED' ? now : undefined;
  });
  if (!claim) return;
  const { shell } = claim;
  // Between the two shells: a moment.
  const process = await untilDefined(() => folder.process() ?? (isAlive(shell) ? undefined : shell));
  if (process && isAlive(process)) {
    await Promise.race([ask(process), dead(process, deadline)]);
    await dead(process, deadline);
  }
  if (!process || !isAlive(process)) {
    const give = performance.now() + SHELL_MS;
    await dead(shell, () => give);
  }
  await endGroup(shell);
}

/** Kills what is left of the group, and resolves when nothing is. */
export async function endGroup(leader: ProcessIdentity): Promise<void> {
  const give = performance.now() + KILLED_MS;
  while (killGroup(leader, 'SIGKILL') > 0 && performance.now() < give) await setTimeout(LOOK_MS);
  const left = groupOf(leader);
  if (left.length > 0) throw new Error(`${left.map((process) => `pid ${process.pid}`).join(', ')} cannot be ended: the kernel holds it`);
}

async function dead(process: ProcessIdentity, deadline: () => number): Promise<void> {
  while (isAlive(process) && performance.now() < deadline()) await setTimeout(LOOK_MS);
}

async function untilDefined<T>(look: () => T | undefined): Promise<T | undefined> {
  const give = performance.now() + SHELL_MS;
  for (;;) {
    const found = look();
    if (found !== undefined || performance.now() > give) return found;
    await setTimeout(LOOK_MS);
  }
}
