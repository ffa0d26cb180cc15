/**
 * Under which account PostgreSQL runs, for it refuses to be root. An ordinary user simply runs it. Root runs it inside a user
 * namespace, where root has another number: its files stay root's, and nothing has to be made reachable for anybody. Where
 * namespaces are refused (many containers), it runs under a uid that no account has, and a data folder that already belongs
 * to somebody runs as that one.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** How a command is run so that it is not root. */
export type Account =
  /** As the user we are. */
  | { readonly kind: 'self' }
  /** As another number inside a user namespace; outside of it the files are ours. */
  | { readonly kind: 'namespace'; readonly uid: number; readonly gid: number }
  /** As somebody else, who may not be able to enter the folders above the data. */
  | { readonly kind: 'other'; readonly uid: number; readonly gid: number };

/** Between the numbers that distributions, systemd and containers give out: no file, process or person has it. */
const UNUSED = { uid: 60_800, gid: 60_800 };
/** The unprivileged user that every Linux has a name for. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/**
 * @param dataFolder the data folder, or undefined when there is none yet
 * @param namespaces false leaves user namespaces alone
 */
export function chooseAccount(dataFolder: string | undefined, namespaces = true): Account {
  const root = process.getuid?.() === 0;
  const owner = root && dataFolder !== undefined ? statSync(dataFolder) : undefined;
  if (owner && owner.uid !== 0) return { kind: 'other', uid: owner.uid, gid: owner.gid };
  // initdb looks its own user up, and a container may run under a number that the system has no name for.
  if (!root && hasName()) return { kind: 'self' };
  const inNamespace: Account = { kind: 'namespace', ...NOBODY };
  if (namespaces && canRun(inNamespace, 'true')) return inNamespace;
  return root ? { kind: 'other', ...UNUSED } : { kind: 'self' };
}

/** The account that initdb runs under: it wants one that has a name, so the data are handed over afterwards. */
export const initAccount = (account: Account): Account => (account.kind === 'other' ? { kind: 'other', ...NOBODY } : account);

export interface Command {
  readonly file: string;
  readonly args: string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** Turns a command into one that runs under the account. */
export function commandAs(account: Account, file: string, args: string[]): Command {
  if (account.kind === 'self') return { file, args };
  if (account.kind === 'other') return { file, args, uid: account.uid, gid: account.gid };
  return { file: 'unshare', args: ['--user', `--map-user=${account.uid}`, `--map-group=${account.gid}`, file, ...args] };
}

/**
 * What `-D` says. Another account may not be able to reach the data folder by its path, when the home lies below a folder that
 * only root can enter; but the process is put into the folder before it stops being root, and may always enter where it is.
 */
export const dataArgument = (account: Account, dataFolder: string): string =>
  account.kind === 'other' && process.platform === 'linux' ? '/proc/self/cwd' : dataFolder;

/** Gives a folder and everything in it to the account. Links are not followed. */
export function giveTo(account: Account, path: string): void {
  if (account.kind !== 'other') return;
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return;
  if (status.uid !== account.uid || status.gid !== account.gid) chownSync(path, account.uid, account.gid);
  if (status.isDirectory()) for (const name of readdirSync(path)) giveTo(account, join(path, name));
}

function hasName(): boolean {
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

/** Whether the account can run this program where it lies: it may not be able to enter a folder above it. */
export function canRun(account: Account, file: string): boolean {
  const { file: command, args, ...as } = commandAs(account, file, ['--version']);
  try {
    execFileSync(command, args, { ...as, stdio: 'ignore', timeout: 10_000, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}
