/** What watches the memory of replicas beside the kernel's own limit, which does not count everything and not everywhere. */
import { readFileSync } from 'node:fs';
import { look, lookOr } from './look.js';
import { watchMemory, type MemoryBudget } from './limits.js';

const LOOK_MS = 500;

export class MemoryGuards {
  private readonly unwatch = new Map<string, () => void>();

  /** @param onExceeded called once, with how it should be reported. */
  async watch(replicaId: string, pid: number, budget: MemoryBudget, onExceeded: (reason: string) => void): Promise<void> {
    if (budget.memoryBytes === null) return;
    const exceeded = (bytes: number) => onExceeded(`it used ${bytes} bytes; its limit is ${budget.memoryBytes} bytes on top of the idle runtime`);
    const unwatch = await watchMemory(pid, budget, exceeded, LOOK_MS);
    this.end(replicaId);
    this.unwatch.set(replicaId, unwatch);
  }

  end(replicaId: string): void {
    this.unwatch.get(replicaId)?.();
    this.unwatch.delete(replicaId);
  }

  endAll(): void {
    for (const id of [...this.unwatch.keys()]) this.end(id);
  }
}

let lastKills = 0;

/** How many processes the kernel ended for want of memory since boot, as far as it could be looked up; 0 where it does not say. */
export function outOfMemoryKills(): number {
  lastKills = lookOr(lastKills, () => {
    const text = look('/proc/vmstat', () => readFileSync('/proc/vmstat', 'utf8'));
    return Number(/^oom_kill (\d+)$/m.exec(text ?? '')?.[1] ?? 0);
  });
  return lastKills;
}
