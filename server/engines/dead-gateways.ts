/**
 * Tells the database which gateways of this home are dead. Then no server waits for a killed gateway to acknowledge a route, as all servers
 * would until its heartbeat is old. Every server does it, not only the leader: a dead process stays dead, and its row belongs to it alone.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayProcessesFolder } from '../paths.js';
import { isAlive, parseIdentity, type ProcessIdentity } from './process-identity.js';

export interface DeadGatewaysOptions {
  readonly home: string;
  /** Removes the rows of these gateways, and wakes the reconciler that waits for them. @returns the ids whose rows were there */
  readonly remove: (gatewayIds: readonly string[]) => Promise<readonly string[]>;
  readonly log: (message: string) => void;
  /** How often it looks. Default 250 ms: one file is read for each gateway. */
  readonly lookMs?: number;
}

const LOOK_MS = 250;
const GATEWAY_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class DeadGateways {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<unknown> = Promise.resolve();
  private ended = false;
  /** Why the last look failed: told once, not with every look. */
  private trouble: string | undefined;

  constructor(private readonly options: DeadGatewaysOptions) {}

  /** Looks at once, and from then on again and again. Resolves after the first look; never rejects. */
  async start(): Promise<void> {
    this.looking = this.look().then(
      () => (this.trouble = undefined),
      (error: unknown) => this.failed(error instanceof Error ? error.message : String(error)),
    );
    await this.looking;
    if (this.ended) return;
    this.timer = setTimeout(() => void this.start(), this.options.lookMs ?? LOOK_MS);
    this.timer.unref();
  }

  /** Waits for the look under way, and does not look again. */
  async stop(): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  private failed(reason: string): void {
    if (reason !== this.trouble) this.options.log(`the rows of dead gateways could not be removed: ${reason}`);
    this.trouble = reason;
  }

  private async look(): Promise<void> {
    const { home, remove, log } = this.options;
    const dead = recordedGateways(home).flatMap(({ id, identity }) => (isAlive(identity) ? [] : [id]));
    if (dead.length === 0) return;
    const removed = await remove(dead);
    if (removed.length > 0) log(`removed the rows of dead gateways: ${removed.join(', ')}`);
    // Only once no row is found: the last heartbeat of a killed gateway may reach the database after its row was removed.
    for (const id of dead) if (!removed.includes(id)) rmSync(join(gatewayProcessesFolder(home), id), { force: true });
  }
}

/** Gateways of the home by their records (`gateway/process-record.ts`), dead ones too. A record that cannot be read proves nothing. */
function recordedGateways(home: string): { readonly id: string; readonly identity: ProcessIdentity }[] {
  const folder = gatewayProcessesFolder(home);
  const read = (id: string): ProcessIdentity | undefined => {
    try {
      return parseIdentity(readFileSync(join(folder, id), 'utf8'));
    } catch {
      return undefined;
    }
  };
  return namesIn(folder).flatMap((id) => {
    const identity = GATEWAY_ID.test(id) ? read(id) : undefined;
    return identity ? [{ id, identity }] : [];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
