/** Processes of tests. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How long a process may take to start, on a machine that has much else to do. */
export const START_MS = 60_000;

/** Resolves when it has ended. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}
