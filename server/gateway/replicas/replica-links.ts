/** The links to all replicas of the table in force, and to those of older ones that still have something under way. */
import { CONNECT_BEFORE_SWAP_MS } from '../limits.js';
import type { ReplicaRoute, RouteDocument, TargetRoute } from '../../routing/route-document.js';
import { ReplicaLink, type ReplicaIdentity } from './transport.js';

export interface ReplicaLinksOptions {
  /** Whether other gateways send to the same replicas. */
  readonly shared: boolean;
  /** A replica of some target has become usable. */
  readonly onUsable: () => void;
  /** The last request at a replica that no route names any more is over. */
  readonly onDrained: () => void;
  readonly onTrouble: (replica: ReplicaIdentity, reason: string) => void;
}

export class ReplicaLinks {
  private readonly links = new Map<string, ReplicaLink>();
  private readonly leaving = new Set<ReplicaLink>();

  constructor(private readonly options: ReplicaLinksOptions) {}

  /** The link to a replica, made on the way if it is new. */
  to(replica: ReplicaRoute, { versionDigest }: TargetRoute): ReplicaLink {
    const { replicaId, address } = replica;
    const key = keyOf(replica, versionDigest);
    const known = this.links.get(key);
    if (known) return known;
    const identity: ReplicaIdentity = { replicaId, address, versionDigest };
    const link: ReplicaLink = new ReplicaLink(identity, {
      shared: this.options.shared,
      onUsable: this.options.onUsable,
      onTrouble: (reason) => this.options.onTrouble(identity, reason),
      onClosed: () => {
        this.leaving.delete(link);
        this.options.onDrained();
      },
    });
    this.links.set(key, link);
    return link;
  }

  /** Connects to every replica that a table names anew; a dead one is waited for shortly, and then tried again in the background. */
  async prepare(routes: readonly RouteDocument[]): Promise<void> {
    const attempts = replicasOf(routes).map(([replica, target]) => this.to(replica, target).attempted);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CONNECT_BEFORE_SWAP_MS)));
    await Promise.race([Promise.all(attempts), late]);
    clearTimeout(timer);
  }

  /** Lets go of every replica that a table, which is now in force, does not name. */
  retain(routes: readonly RouteDocument[]): void {
    const named = new Set(replicasOf(routes).map(([replica, target]) => keyOf(replica, target.versionDigest)));
    for (const [key, link] of this.links) {
      if (named.has(key)) continue;
      this.links.delete(key);
      this.leaving.add(link);
      link.retire();
    }
  }

  /** Requests under way by replica id; replicas with none are left out. */
  inFlight(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { identity, inFlight } of [...this.links.values(), ...this.leaving]) {
      if (inFlight > 0) counts[identity.replicaId] = (counts[identity.replicaId] ?? 0) + inFlight;
    }
    return counts;
  }

  close(): void {
    this.retain([]);
  }
}

function replicasOf(routes: readonly RouteDocument[]): [ReplicaRoute, TargetRoute][] {
  return routes.flatMap(({ targets }) => targets.flatMap((target) => target.replicas.map((replica): [ReplicaRoute, TargetRoute] => [replica, target])));
}

const keyOf = ({ replicaId, address }: ReplicaRoute, versionDigest: string): string => `${replicaId} ${address} ${versionDigest}`;
