/**
 * Who a process is. A pid alone is not it: it is given again after the process died, and after a reboot. Boot, pid and start
 * time together name one process for ever, so that nothing of ours ever signals, or takes for its own, somebody else's.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { codeOf, FailedLookError, look, lookOr } from './look.js';

export interface ProcessIdentity {
  /** The kernel's boot id; empty where the system has none (the start time is then a full date). */
  readonly bootId: string;
  readonly pid: number;
  /** Linux: ticks since boot. Elsewhere: the date that `ps` prints. Only ever compared. */
  readonly startTime: string;
}

interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly group: number;
  readonly startTime: string;
}

const LINUX = process.platform === 'linux';
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';
/** What the kernel says of a process of another user, where it hides those: never one of ours. */
const HIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);
let ownBootId: string | undefined;
let own: ProcessIdentity | undefined;

/** The identity of this boot; empty where the system has none. */
export function bootId(): string {
  ownBootId ??= LINUX ? (look(BOOT_ID_FILE, () => readFileSync(BOOT_ID_FILE, 'utf8').trim()) ?? '') : '';
  return ownBootId;
}

/** The identity of this process. It never changes, so it is looked at once. @throws FailedLookError at the first call, when it cannot be looked at */
export function ownIdentity(): ProcessIdentity {
  own ??= identityOf(process.pid);
  if (!own) throw new Error('this process cannot find itself in the table of processes');
  return own;
}

/** The identity of a living process; undefined when there is none with this pid, or only a zombie of one. @throws FailedLookError */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = statOf(pid);
  return stat && !isDead(stat) ? { bootId: bootId(), pid, startTime: stat.startTime } : undefined;
}

/**
 * Whether exactly this process lives. A zombie is dead: killed processes whose parent is gone stay one for seconds.
 * A process that cannot be looked at counts as alive: it was when its identity was taken, and only the kernel's word says otherwise.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  return lookOr(true, () => isThere(identity));
}

/**
 * Signals exactly this process, never another that got its pid since. Returns whether there was one to signal.
 * @throws FailedLookError when it cannot be looked at: it is not signalled then
 */
export function killIdentity(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isThere(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    // It died in between, or is no longer ours to signal.
    return false;
  }
}

/**
 * The living members of the process group that this process led. A dead leader's pid is not given again while the group has
 * members; if it was given again, the group was empty before, and what is there now belongs to somebody else.
 * @throws FailedLookError when not every process can be looked at
 */
export function groupOf(leader: ProcessIdentity): ProcessIdentity[] {
  if (leader.bootId !== bootId()) return [];
  const now = statOf(leader.pid);
  if (now && now.startTime !== leader.startTime) return [];
  return allProcesses()
    .filter((stat) => stat.group === leader.pid && !isDead(stat) && startedNotBefore(stat.startTime, leader.startTime))
    .map((stat) => ({ bootId: leader.bootId, pid: stat.pid, startTime: stat.startTime }));
}

/** Signals every member of the group that this process led; see `groupOf`. Returns how many there were. */
export function killGroup(leader: ProcessIdentity, signal: NodeJS.Signals): number {
  return groupOf(leader).filter((member) => killIdentity(member, signal)).length;
}

/** @returns undefined for text that is not, or not yet wholly, what `identify` in `shell/identify.sh` prints. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [boot, line, end] = text.split('\n');
  if (boot === undefined || line === undefined || end === undefined) return undefined;
  const stat = line.includes(')') ? parseStat(line) : /^(?<pid>\d+) +(?<startTime>.+)$/.exec(line)?.groups;
  if (!stat?.['startTime']) return undefined;
  return { bootId: boot.trim(), pid: Number(stat['pid']), startTime: stat['startTime'].trim() };
}

/** An identity as `parseIdentity` reads it. */
export function formatIdentity({ bootId: boot, pid, startTime }: ProcessIdentity): string {
  return boot === '' ? `\n${pid} ${startTime}\n` : `${boot}\n${pid} (process) S 0 ${pid} 0 ${'0 '.repeat(15)}${startTime}\n`;
}

/** State Z is a zombie, X one that is being taken apart. */
const isDead = (stat: ProcessStat): boolean => /^[ZXx]/.test(stat.state);

function isThere(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return now !== undefined && now.bootId === identity.bootId && now.startTime === identity.startTime;
}

const startedNotBefore = (time: string, reference: string): boolean => !LINUX || Number(time) >= Number(reference);

function statOf(pid: number): ProcessStat | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (!LINUX) return listed(['-p', String(pid)])[0];
  const path = `/proc/${pid}/stat`;
  return look(path, () => parseStat(readFileSync(path, 'latin1')));
}

function allProcesses(): ProcessStat[] {
  if (!LINUX) return listed(['-A']);
  return allPids().flatMap((pid) => {
    try {
      return statOf(pid) ?? [];
    } catch (error) {
      if (HIDDEN.has(codeOf(error) ?? '')) return [];
      throw error;
    }
  });
}

/** Linux only. @throws FailedLookError */
export const allPids = (): number[] => (look('/proc', () => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name)).map(Number);

/** The name of a program may hold spaces and parentheses: what follows its last one is regular. */
function parseStat(line: string): (ProcessStat & Record<string, unknown>) | undefined {
  const fields = line
    .slice(line.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  const [state, , group] = fields;
  const startTime = fields[19];
  if (state === undefined || startTime === undefined) return undefined;
  return { pid: Number.parseInt(line, 10), state, group: Number(group), startTime };
}

function listed(which: string[]): ProcessStat[] {
  try {
    return execFileSync('ps', [...which, '-o', 'pid=,pgid=,state=,lstart='], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .flatMap((line) => {
        const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
        return match ? [{ pid: Number(match[1]), group: Number(match[2]), state: match[3]!, startTime: match[4]! }] : [];
      });
  } catch (error) {
    // With status 1 `ps` says that there is no such process; anything else that it, or starting it, ends with says nothing.
    if ((error as { status?: unknown }).status === 1) return [];
    throw new FailedLookError('the table of processes', error);
  }
}
