/** Runs a load generator to its end and answers what it printed. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { onEnd, signal } from '../support/processes.mjs';

/** How much longer than its load a generator may take. */
const SLACK_SECONDS = 30;

/** @throws Error with what it said when it fails or does not end */
export async function output(command, args, { seconds, input = '' }) {
  // A session of its own, as callers from elsewhere have: where the kernel weighs sessions, it shares nothing with what the bench does meanwhile.
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const stop = onEnd(() => signal(child.pid, 'SIGKILL'));
  const limit = setTimeout(stop, (seconds + SLACK_SECONDS) * 1_000);
  try {
    const ended = new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
    child.stdin.end(input);
    const [printed, complaints, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${(complaints || printed).trim().slice(-400)}`);
    return printed;
  } finally {
    clearTimeout(limit);
    await stop();
  }
}
