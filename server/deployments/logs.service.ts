/** Lines of replicas' logs: the last ones, and then what is written behind them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { UnitOfWork } from '../database/unit-of-work.js';
import type { ReplicaEngine } from '../engines/engine.js';
import { DomainError } from '../errors.js';
import { ReplicaEntity } from './deployment.entities.js';
import type { DeploymentRef, DeploymentService } from './deployment.service.js';
import { levelOf, timeOf, type LogLevel } from './log-lines.js';

export const MAX_LINES = 1_000;
/** Replicas of a deployment whose logs are read, the newest: those of earlier runs are among them while their files exist. */
const MAX_REPLICAS = 20;
const MAX_BYTES = 256 * 1024;
const MAX_LINE = 4_000;
const LOOK_EVERY_MS = 500;

/** Whose logs, and which lines. */
export interface LogSelection {
  readonly of: { readonly replicaId: string } | { readonly deployment: DeploymentRef };
  /** Only lines that contain it, whatever the case. */
  readonly filter?: string | null | undefined;
}

export interface LogLine {
  readonly replicaId: string;
  readonly time: Date | null;
  readonly level: LogLevel | null;
  readonly text: string;
  /** Behind this line. */
  readonly cursor: string;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  readonly endCursor: string;
}

/** How far each replica's log was read, in bytes. */
type Offsets = Record<string, number>;

export class LogsService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly deployments: DeploymentService,
    private readonly engine: Pick<ReplicaEngine, 'logPart'>,
  ) {}

  /** The last lines; with `after` the first lines behind it. Lines of one replica stay together, the oldest replica first. @throws DomainError INVALID, NOT_FOUND */
  async page(selection: LogSelection, first: number, after?: string | null): Promise<LogPage> {
    if (!Number.isInteger(first) || first < 1 || first > MAX_LINES)
      throw new DomainError('INVALID', `first is ${first}; it must be from 1 to ${MAX_LINES}`, ['first']);
    const offsets = after == null ? undefined : readCursor(after);
    const wanted = selection.filter?.toLowerCase();
    const reached: Offsets = {};
    const lines: LogLine[] = [];
    for (const replicaId of await this.replicasOf(selection)) {
      const from = offsets ? (offsets[replicaId] ?? 0) : null;
      if (offsets && lines.length >= first) {
        reached[replicaId] = from ?? 0;
        continue;
      }
      const part = await this.engine.logPart(replicaId, from, MAX_BYTES);
      reached[replicaId] = part.start;
      for (const { text, end } of part.lines) {
        if (offsets && lines.length >= first) break;
        reached[replicaId] = end;
        if (wanted && !text.toLowerCase().includes(wanted)) continue;
        lines.push({ replicaId, time: timeOf(text), level: levelOf(text), text: text.slice(0, MAX_LINE), cursor: writeCursor({ ...offsets, ...reached }) });
      }
    }
    return { lines: offsets ? lines : lines.slice(-first), endCursor: writeCursor({ ...offsets, ...reached }) };
  }

  /** The lines from now on, or from behind `after`; replicas that start later are among them. */
  async *follow(selection: LogSelection, after?: string | null): AsyncGenerator<LogLine, void> {
    let cursor = after ?? (await this.page(selection, 1)).endCursor;
    for (;;) {
      const page = await this.page(selection, MAX_LINES, cursor);
      cursor = page.endCursor;
      yield* page.lines;
      if (page.lines.length === 0) await sleep(LOOK_EVERY_MS, undefined, { ref: false });
    }
  }

  /** Oldest first. */
  private async replicasOf({ of }: LogSelection): Promise<string[]> {
    const query = this.work.manager.createQueryBuilder(ReplicaEntity, 'r').orderBy('r.createdAt', 'DESC').limit(MAX_REPLICAS);
    if ('replicaId' in of) query.where('r.id = :id', { id: of.replicaId });
    else query.where('r.deploymentId = :id', { id: (await this.deployments.getEvenDeleted(of.deployment)).id });
    const rows = await query.getMany();
    if ('replicaId' in of && rows.length === 0) throw new DomainError('NOT_FOUND', 'this replica does not exist', ['replica']);
    return rows.map(({ id }) => id).reverse();
  }
}

const writeCursor = (offsets: Offsets): string => Buffer.from(JSON.stringify(['logs', offsets])).toString('base64url');

function readCursor(cursor: string): Offsets {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value[0] === 'logs' && Object.values(value[1] as object).every((n) => Number.isSafeInteger(n) && n >= 0))
      return value[1] as Offsets;
  } catch {
    // falls through to the one message
  }
  throw new DomainError('INVALID', `"${cursor.slice(0, 80)}" is not a cursor of logs`, ['after']);
}
