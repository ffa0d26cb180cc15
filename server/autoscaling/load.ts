/**
 * From the windows that gateways wrote to the load that the scaler decides on. Pure. Time is cut into slots as long as a gateway's window;
 * a slot counts only when every gateway that should have reported it has.
 */
import { WINDOW_MS } from '../metering/metric-window.js';
import type { LiveGateway, LoadWindow } from '../metering/metric-windows.js';

/** Gateways write a finished window within about a second; only slots that ended this long ago are looked at. */
export const SETTLE_MS = 2_000;
/** A slot is reported when this much of it is. */
const COVERED = 0.8;

/** A version that takes traffic. */
export interface LoadedVersion {
  readonly versionId: string;
  /** As people know it: `3 of digits`. */
  readonly version: string;
}

export interface TargetLoad extends LoadedVersion {
  /** Mean requests in flight at the whole target, over all gateways, in each slot of the policy's window that is known; oldest first. */
  readonly samples: readonly number[];
}

/** What a past moment would have asked for. */
export interface Recommendation {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Replicas of each target, unclamped. */
  readonly replicas: number;
}

export interface ObservedLoad {
  readonly targets: readonly TargetLoad[];
  /** Why the newest windows cannot be trusted, in words; null when they can. */
  readonly missing: string | null;
  /** One for every slot of the scale-down window that is known. */
  readonly recommendations: readonly Recommendation[];
  /** How far back anything is known of the deployment. */
  readonly knownForMs: number;
}

export interface LoadQuery {
  readonly windowMs: number;
  readonly scaleDownWindowMs: number;
  readonly targetInFlight: number;
  /** Versions that the deployment sends traffic to now. */
  readonly versions: readonly LoadedVersion[];
  readonly nowMs: number;
}

/** The range of windows that `observeLoad` wants. */
export function loadRange({ windowMs, scaleDownWindowMs, nowMs }: Pick<LoadQuery, 'windowMs' | 'scaleDownWindowMs' | 'nowMs'>): {
  fromMs: number;
  toMs: number;
} {
  const toMs = Math.floor((nowMs - SETTLE_MS) / WINDOW_MS) * WINDOW_MS;
  return { fromMs: toMs - slots(windowMs) * WINDOW_MS - slots(scaleDownWindowMs) * WINDOW_MS, toMs };
}

const slots = (ms: number): number => Math.ceil(ms / WINDOW_MS);

export function observeLoad(query: LoadQuery, windows: readonly LoadWindow[], gateways: readonly LiveGateway[]): ObservedLoad {
  const { fromMs, toMs } = loadRange(query);
  const grid = new Grid(fromMs, toMs, windows);
  const inWindow = slots(query.windowMs);
  const first = grid.size - inWindow;
  const targets = query.versions.map((of) => ({ ...of, samples: grid.known(of.versionId, first) }));
  return {
    targets,
    missing: whatIsMissing(query, grid, first, gateways),
    recommendations: recommend(query, grid, inWindow),
    knownForMs: (grid.size - grid.firstKnown()) * WINDOW_MS,
  };
}

/** Sums and coverage by (version, slot), and by gateway. */
class Grid {
  readonly size: number;
  private readonly loads = new Map<string, (number | undefined)[]>();
  private readonly covered = new Map<string, number[]>();

  constructor(
    readonly fromMs: number,
    toMs: number,
    windows: readonly LoadWindow[],
  ) {
    this.size = Math.round((toMs - fromMs) / WINDOW_MS);
    for (const window of windows) this.add(window);
  }

  get versionIds(): string[] {
    return [...this.loads.keys()];
  }

  at(versionId: string, slot: number): number | undefined {
    return this.loads.get(versionId)?.[slot];
  }

  /** The known loads of a version from a slot on. */
  known(versionId: string, first: number): number[] {
    return (this.loads.get(versionId) ?? []).slice(first).filter((load) => load !== undefined);
  }

  reported(gatewayId: string, versionId: string, slot: number): boolean {
    return (this.covered.get(`${gatewayId}/${versionId}`)?.[slot] ?? 0) >= COVERED * WINDOW_MS;
  }

  firstKnown(): number {
    for (let slot = 0; slot < this.size; slot++) if (this.versionIds.some((id) => this.at(id, slot) !== undefined)) return slot;
    return this.size;
  }

  private add({ gatewayId, versionId, startMs, windowMs, loadMs }: LoadWindow): void {
    const loads = this.rowOf(this.loads, versionId, undefined);
    const covered = this.rowOf(this.covered, `${gatewayId}/${versionId}`, 0);
    const last = Math.min(this.size - 1, Math.floor((startMs + windowMs - 1 - this.fromMs) / WINDOW_MS));
    // A gateway that was cut off from the database hands in windows longer than a slot: their load is spread evenly.
    for (let slot = Math.max(0, Math.floor((startMs - this.fromMs) / WINDOW_MS)); slot <= last; slot++) {
      const from = this.fromMs + slot * WINDOW_MS;
      const overlapMs = Math.min(startMs + windowMs, from + WINDOW_MS) - Math.max(startMs, from);
      loads[slot] = (loads[slot] ?? 0) + ((loadMs / windowMs) * overlapMs) / WINDOW_MS;
      covered[slot] = covered[slot]! + overlapMs;
    }
  }

  private rowOf<V>(rows: Map<string, V[]>, key: string, empty: V): V[] {
    let row = rows.get(key);
    if (!row) rows.set(key, (row = new Array<V>(this.size).fill(empty)));
    return row;
  }
}

/**
 * Every living gateway must have reported every target without a break through the window. What comes before its very first report is
 * no break: the target was not routed then.
 */
function whatIsMissing({ versions, nowMs }: LoadQuery, grid: Grid, first: number, gateways: readonly LiveGateway[]): string | null {
  if (gateways.length === 0) return 'no gateway is alive, so the load is not measured';
  for (const { id, startedMs } of gateways) {
    for (const { versionId, version } of versions) {
      let slot = 0;
      while (slot < grid.size && !grid.reported(id, versionId, slot)) slot++;
      if (slot === grid.size) {
        const age = Math.round((nowMs - startedMs) / 1000);
        return `gateway ${short(id)}, which started ${age} s ago, has reported nothing yet on version ${version}`;
      }
      slot = Math.max(slot, first);
      while (slot < grid.size && grid.reported(id, versionId, slot)) slot++;
      if (slot < grid.size) {
        const at = new Date(grid.fromMs + slot * WINDOW_MS).toISOString();
        return `gateway ${short(id)} did not report on version ${version} for the 5 s from ${at}`;
      }
    }
  }
  return null;
}

const short = (id: string): string => id.slice(0, 8);

/** What each slot of the scale-down window would have asked for, from the mean of the policy's window that ended there, of the busiest version. */
function recommend({ scaleDownWindowMs, targetInFlight }: LoadQuery, grid: Grid, inWindow: number): Recommendation[] {
  const out: Recommendation[] = [];
  const versionIds = grid.versionIds;
  for (let end = grid.size - slots(scaleDownWindowMs); end <= grid.size; end++) {
    let highest: number | undefined;
    for (const versionId of versionIds) {
      const mean = meanOf(grid, versionId, end - inWindow, end);
      if (mean !== undefined) highest = Math.max(highest ?? 0, mean);
    }
    if (highest !== undefined) out.push({ at: grid.fromMs + end * WINDOW_MS, replicas: replicasFor(highest, targetInFlight) });
  }
  return out;
}

/** undefined where the slot before `end` is unknown: such a moment recommended nothing. */
function meanOf(grid: Grid, versionId: string, from: number, end: number): number | undefined {
  if (grid.at(versionId, end - 1) === undefined) return undefined;
  let [sum, count] = [0, 0];
  for (let slot = Math.max(0, from); slot < end; slot++) {
    const load = grid.at(versionId, slot);
    if (load === undefined) continue;
    sum += load;
    count++;
  }
  return sum / count;
}

/** Replicas that carry a load. A sum of fractions that comes out a hair above a whole number asks for no replica more. */
export const replicasFor = (load: number, targetInFlight: number): number => Math.max(0, Math.ceil(load / targetInFlight - 1e-9));
