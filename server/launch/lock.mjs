/** A lock between processes of this machine that a `kill -9` of its holder releases. Plain JavaScript: the launcher needs it before there is a build. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SAY_AFTER_MS = 1000;

/** Names a living process so that no later one with its pid is taken for it; undefined for the dead, and for zombies. */
export function identityOf(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return /^[ZXx]/.test(fields[0]) ? undefined : `${boot}~${pid}~${fields[19]}`;
    }
    const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
    const match = /^\s*(\S+)\s+(.+?)\s*$/.exec(stdout);
    return match && !match[1].startsWith('Z') ? `boot~${pid}~${encodeURIComponent(match[2])}` : undefined;
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
    throw error;
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether the process that made this claim lives. One that cannot be looked at counts as alive. */
function isLiving(claim) {
  try {
    return identityOf(claim.split('~')[1]) === claim;
  } catch {
    return true;
  }
}

/**
 * A lock as a folder of claims, each a file named after the process that made it (boot, pid, start time). Claims of dead processes count
 * for nothing. A process puts its claim there first and then looks at the others: of two that come together at least one sees
 * the other and withdraws. No process removes a claim that a living process may rely on, which is where the usual "the holder is dead, so
 * remove its lock file" lets two in.
 *
 * A claim may be made for a child too: when this process is killed, the npm that it started goes on, and no other process must begin before
 * that ends.
 */
export class Lock {
  /**
   * @param {string} folder made when it is missing, and removed by the last one to leave
   * @param {string} own the name of this process's claim; its second part, after `~`, is the pid
   * @param {(claim: string) => boolean} living whether the process of another claim lives
   */
  constructor(folder, own = identityOf(process.pid), living = isLiving) {
    this.folder = folder;
    this.own = own;
    this.living = living;
  }

  /**
   * Waits until this process alone holds the lock.
   * @param {(holder: number) => void} onWait called once when another process has held it for a second, with its pid
   * @param {number} timeoutMs
   * @returns {Promise<number | undefined>} the pid of who held it all the time; undefined when the lock is ours
   */
  async acquire(onWait, timeoutMs = Infinity) {
    const began = performance.now();
    let said = false;
    for (;;) {
      this.claim(this.own);
      const holder = this.holder();
      if (holder === undefined) return undefined;
      this.withdraw(this.own);
      const waited = performance.now() - began;
      if (waited >= timeoutMs) return holder;
      if (!said && waited >= SAY_AFTER_MS) {
        said = true;
        onWait(holder);
      }
      // Chance lets one of two be first the next time.
      await sleep(10 + Math.random() * 40);
    }
  }

  /** @param {string} name of the claim */
  claim(name) {
    for (let attempt = 0; ; attempt++) {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      try {
        writeFileSync(join(this.folder, name), '', { mode: 0o600 });
        return;
      } catch (error) {
        // Another process left, and took the empty folder with it.
        if (error.code !== 'ENOENT' || attempt >= 100) throw error;
      }
    }
  }

  /** @param {string} name of the claim */
  withdraw(name) {
    rmSync(join(this.folder, name), { force: true });
  }

  release() {
    this.withdraw(this.own);
    try {
      rmdirSync(this.folder);
    } catch {
      // Somebody else waits in it, or was quicker.
    }
  }

  /** The pid of another living claim's process, if any. Claims of dead processes are removed. */
  holder() {
    try {
      for (const name of readdirSync(this.folder)) {
        if (name === this.own) continue;
        if (this.living(name)) return Number(name.split('~')[1]);
        this.withdraw(name);
      }
    } catch (error) {
      // Others would wait for a claim that is never withdrawn.
      this.release();
      throw error;
    }
    return undefined;
  }
}
