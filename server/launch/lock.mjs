/** Which process is which, and a lock that dies with its holder. (server/lifecycle/claim-lock.ts is its like, for when there is a build.) */
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
  } catch {
    return undefined;
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A lock as a folder of claims, each named after the process that made it: claims of the dead count for nothing. Whoever wants
 * the lock puts its claim first and looks second, so that of two at least one sees the other. A claim may be made for a
 * child too: when this process is killed, the npm that it started goes on, and nobody else must begin before that ends.
 */
export class Lock {
  constructor(folder) {
    this.folder = folder;
    this.own = identityOf(process.pid);
  }

  async acquire(onWait) {
    const began = Date.now();
    let said = false;
    for (;;) {
      this.claim(this.own);
      const others = readdirSync(this.folder).filter((name) => name !== this.own && this.isLiving(name));
      if (others.length === 0) return;
      this.withdraw(this.own);
      if (!said && Date.now() - began >= SAY_AFTER_MS) {
        said = true;
        onWait(others[0].split('~')[1]);
      }
      await sleep(20 + Math.random() * 80);
    }
  }

  claim(identity) {
    for (let attempt = 0; ; attempt++) {
      mkdirSync(this.folder, { recursive: true });
      try {
        writeFileSync(join(this.folder, identity), '');
        return;
      } catch (error) {
        if (error.code !== 'ENOENT' || attempt >= 100) throw error;
      }
    }
  }

  withdraw(identity) {
    rmSync(join(this.folder, identity), { force: true });
  }

  release() {
    this.withdraw(this.own);
    try {
      rmdirSync(this.folder);
    } catch {
      // Somebody else waits in it.
    }
  }

  isLiving(name) {
    if (identityOf(name.split('~')[1]) === name) return true;
    this.withdraw(name);
    return false;
  }
}
