/**
 * What a process may take of busy cores beside others. A request crosses several processes and may wait a scheduler's slice before each: on a
 * machine of few cores a model that is being loaded, or a burst of changes, is felt in the latency of everything that serves.
 *
 * Linux weighs sessions against one another where it groups them by itself (sched(7), "The autogroup feature"), and a nice value then counts inside
 * its session only; elsewhere, in most containers, it counts by itself. So both are set. Where neither can be had, nothing happens.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Nice values: about a tenth, and a third, of a core beside a process that has the usual one and wants it too. */
const BACKGROUND = 10;
const BEHIND = 5;
const USUAL = 0;

/** The kernel lets others than root change one session of the whole machine every 100 ms. */
const RETRY_MS = 120;

/** Lowers the priority of this process for good, because no request waits for it. It must lead a session of its own. */
export function runInBackground(): void {
  weighSession(process.pid, BACKGROUND);
  setNice(BACKGROUND);
}

/** Puts this process behind others until the returned function is called. Not further back: callers may wait for just this replica. */
export function giveWay(): () => void {
  // A process that may not lower its nice value again keeps it as it is: otherwise it would go on to serve with the raised one.
  const nice = mayTakeNiceBack();
  weighSession(process.pid, BEHIND);
  if (nice) setNice(BEHIND);
  return () => {
    weighSession(process.pid, USUAL);
    if (nice) setNice(USUAL);
  };
}

/** Puts the control plane behind the data plane. Only where the process leads its session: the session of a terminal belongs to its user. */
export function standBehind(pid: number): void {
  if (leadsSession(pid)) weighSession(pid, BEHIND);
}

const wanted = new Map<number, number>();

function weighSession(pid: number, nice: number): void {
  wanted.set(pid, nice);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch (error) {
    // Until it is its turn: what gave way must not serve with that for ever.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') setTimeout(() => wanted.get(pid) === nice && weighSession(pid, nice), RETRY_MS).unref();
  }
}

/** CAP_SYS_NICE: containers often have a root without it. */
function mayTakeNiceBack(): boolean {
  try {
    const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
    return ((BigInt(`0x${capabilities}`) >> 23n) & 1n) === 1n;
  } catch {
    return process.getuid?.() === 0;
  }
}

function setNice(nice: number): void {
  try {
    setPriority(nice);
  } catch {
    // It goes on as it is.
  }
}

function leadsSession(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold anything: state, parent, group, session.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]) === pid;
  } catch {
    return false;
  }
}
