/** Reads everything a pass of the reconciler needs, in a fixed number of statements. */
import { In, type DataSource } from 'typeorm';
import { GATEWAY_ALIVE_MS } from '../database/leadership.js';
import { projectRow } from '../registry/registry-rows.js';
import { acknowledgements, type Acknowledgement } from '../routing/acknowledgements.js';
import { FAILURE_MEMORY_MS } from './backoff.js';
import { DeploymentEntity, ReplicaEntity, RevisionEntity, RolloutEntity, type DeploymentSpec } from './deployment.entities.js';
import { RouteEntity, RouteTableEntity } from '../routing/routing.entities.js';

export interface Snapshot {
  readonly deployment: DeploymentEntity;
  readonly projectName: string;
  readonly revision: RevisionEntity;
  readonly rollout: RolloutEntity;
  readonly route: RouteEntity | null;
  /** Specs by generation: of the present one, of the route's and of each replica's. */
  readonly specs: ReadonlyMap<number, DeploymentSpec>;
  /** The longest `timeoutMs` under which a request may have been sent to one of the replicas. */
  readonly longestTimeoutMs: number;
  readonly tableVersion: number;
  /** Those that are not final, and of late those that FAILED, or were STOPPED after they had served; newest first. */
  readonly replicas: readonly ReplicaEntity[];
  readonly gateways: readonly Acknowledgement[];
}

/** What a generation wants. Revisions are immutable, so that this is also what it wanted when its replicas were made. */
export function specOf({ specs, deployment }: Pick<Snapshot, 'specs' | 'deployment'>, generation: number): DeploymentSpec {
  const spec = specs.get(generation);
  if (!spec) throw new Error(`deployment ${deployment.id} has no revision ${generation}`);
  return spec;
}

export class DeploymentStore {
  constructor(private readonly dataSource: DataSource) {}

  /** undefined for a deployment that does not exist or is DELETED. */
  async snapshot(deploymentId: string): Promise<Snapshot | undefined> {
    const manager = this.dataSource.manager;
    const deployment = await manager.findOneBy(DeploymentEntity, { id: deploymentId });
    if (!deployment || deployment.phase === 'DELETED') return undefined;
    const [project, revision, route, table, replicas, gateways] = await Promise.all([
      projectRow(manager, deployment.projectId),
      manager.findOneByOrFail(RevisionEntity, { deploymentId, number: deployment.generation }),
      manager.findOneBy(RouteEntity, { deploymentId }),
      manager.findOneByOrFail(RouteTableEntity, { id: 1 }),
      manager
        .createQueryBuilder(ReplicaEntity, 'r')
        .where('r.deploymentId = :deploymentId', { deploymentId })
        .andWhere(`(r.state NOT IN ('STOPPED', 'FAILED') OR (r.stoppedAt > :since AND (r.state = 'FAILED' OR r.readyAt IS NOT NULL)))`, {
          since: new Date(Date.now() - FAILURE_MEMORY_MS),
        })
        .orderBy('r.stoppedAt', 'DESC', 'NULLS FIRST')
        .addOrderBy('r.createdAt', 'DESC')
        .limit(500)
        .getMany(),
      acknowledgements(this.dataSource, GATEWAY_ALIVE_MS),
    ]);
    const generations = new Set(replicas.map((replica) => replica.generation));
    if (route) generations.add(route.document.generation);
    const [rollout, revisions, longestTimeoutMs] = await Promise.all([
      manager.findOneByOrFail(RolloutEntity, { revisionId: revision.id }),
      manager.findBy(RevisionEntity, { deploymentId, number: In([...generations]) }),
      this.longestTimeoutMs(deploymentId, Math.min(deployment.generation, ...generations)),
    ]);
    return {
      deployment,
      projectName: project.name,
      revision,
      rollout,
      route,
      specs: new Map([revision, ...revisions].map(({ number, spec }) => [number, spec])),
      longestTimeoutMs,
      tableVersion: table.version,
      replicas,
      gateways,
    };
  }

  /** Ids of every deployment that is not DELETED; with `unsettled`, only of those that are not as wanted yet. */
  async ids(unsettled: boolean): Promise<string[]> {
    const rows: { id: string }[] = await this.dataSource.query(
      `SELECT id FROM deployment WHERE phase <> 'DELETED' AND ($1 = false OR phase NOT IN ('READY', 'FAILED') OR observed_generation <> generation OR deletion_requested_at IS NOT NULL)`,
      [unsettled],
    );
    return rows.map((row) => row.id);
  }

  /** The deployments of replicas. */
  async deploymentOf(replicaId: string): Promise<string | undefined> {
    const row = await this.dataSource.manager.findOne(ReplicaEntity, { where: { id: replicaId }, select: { id: true, deploymentId: true } });
    return row?.deploymentId;
  }

  /** Those of the given replica ids that are not final. */
  async activeReplicas(ids: readonly string[]): Promise<Set<string>> {
    const rows: { id: string }[] = await this.dataSource.query(`SELECT id FROM replica WHERE id = ANY($1) AND state NOT IN ('STOPPED', 'FAILED')`, [ids]);
    return new Set(rows.map((row) => row.id));
  }

  /** A replica may serve under every generation from its own on. */
  private async longestTimeoutMs(deploymentId: string, fromGeneration: number): Promise<number> {
    const rows: { longest: number }[] = await this.dataSource.query(
      `SELECT max((spec->>'timeoutMs')::integer) AS longest FROM revision WHERE deployment_id = $1 AND number >= $2`,
      [deploymentId, fromGeneration],
    );
    return rows[0]!.longest;
  }
}
