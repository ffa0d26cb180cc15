/** Writes what a pass decided: rows, route, status, events, in one fenced transaction. */
import { randomUUID } from 'node:crypto';
import type { Fence } from '../database/leadership.js';
import type { Change, UnitOfWork } from '../database/unit-of-work.js';
import type { VersionEntity } from '../registry/registry.entities.js';
import { DeploymentEntity, ReplicaEntity, RolloutEntity, type DeploymentPhase, type RolloutStep } from './deployment.entities.js';
import { specOf, type Snapshot } from './deployment-store.js';
import { statesBetween, type ReplicaChange } from './observations.js';
import type { Pass } from './pass.js';
import type { Step } from './plan.js';
import { hasProcess } from './replica-states.js';
import { writeRoute } from '../routing/route-table.js';
import { routeDocument } from './route-documents.js';

/** Who writes what the reconciler decides. */
export const RECONCILER = 'system:reconciler';

/** Thrown when the deployment was changed while the pass was thinking: it thinks again. */
export class StaleSnapshotError extends Error {
  override readonly name = 'StaleSnapshotError';
}

const PHASES: readonly DeploymentPhase[] = ['PENDING', 'STARTING', 'LOADING', 'READY'];

export interface WrittenPass {
  /** Replicas to start now, rows committed. */
  readonly launch: readonly string[];
  readonly stop: readonly string[];
}

export class PassWriter {
  constructor(private readonly work: UnitOfWork) {}

  /**
   * @param versions of every target that the steps may route
   * @param logTails of the replicas that failed in this pass
   */
  async write(
    snapshot: Snapshot,
    pass: Pass,
    fence: Fence,
    versions: ReadonlyMap<string, VersionEntity>,
    logTails: ReadonlyMap<string, string>,
  ): Promise<WrittenPass> {
    return this.work.run(RECONCILER, async (change) => {
      await fence.check(change.manager);
      await lockUnchanged(change, snapshot);
      const statements = new PassStatements(change, snapshot);
      for (const { row, change: update } of pass.changes) await statements.replica(row, update, logTails.get(row.id));
      const launch: string[] = [...pass.restart];
      const stop: string[] = [];
      for (const step of pass.steps) {
        if (step.kind === 'CREATE') {
          const id = await statements.create(step);
          if (id) launch.push(id);
        } else if (step.kind === 'LAUNCH') {
          await statements.launch(step.replicaId);
          launch.push(step.replicaId);
        } else if (step.kind === 'ROUTE' || step.kind === 'WITHDRAW') await statements.route(step, versions);
        else if (await statements.retire(step)) stop.push(step.replicaId);
      }
      await statements.outcome(pass);
      await statements.status(pass);
      return { launch, stop };
    });
  }
}

async function lockUnchanged({ manager }: Change, { deployment }: Snapshot): Promise<void> {
  const now = await manager.findOne(DeploymentEntity, { where: { id: deployment.id }, lock: { mode: 'pessimistic_write' } });
  const same =
    now &&
    now.generation === deployment.generation &&
    now.scaledReplicas === deployment.scaledReplicas &&
    now.deletionRequestedAt?.getTime() === deployment.deletionRequestedAt?.getTime();
  if (!same) throw new StaleSnapshotError(`deployment ${deployment.id} was changed meanwhile`);
}

/** The statements of one pass. */
class PassStatements {
  private readonly addresses: Map<string, Pick<ReplicaEntity, 'address'>>;
  private readonly evidence: RolloutStep[] = [];

  constructor(
    private readonly change: Change,
    private readonly snapshot: Snapshot,
  ) {
    this.addresses = new Map(snapshot.replicas.map((r) => [r.id, { address: r.address }]));
  }

  async replica(row: ReplicaEntity, update: ReplicaChange, logTail: string | undefined): Promise<void> {
    await this.change.manager.update(ReplicaEntity, { id: row.id }, { ...update, ...(logTail !== undefined && { logTail }) });
    if (update.address) this.addresses.set(row.id, { address: update.address });
    for (const state of statesBetween(row.state, update.state ?? row.state)) {
      const message =
        state === 'FAILED' || state === 'STOPPED'
          ? (update.reason ?? row.reason ?? '')
          : state === 'READY'
            ? `answered an inference on ${update.backend ?? row.backend ?? 'its runtime'}`
            : '';
      await this.emit(`REPLICA_${state}`, `replica ${row.id.slice(0, 8)} is ${state}${message && `: ${message}`}`, {
        replicaId: row.id,
        versionId: row.versionId,
      });
    }
  }

  /** Answers the new replica's id where it is to be started at once. */
  async create(step: Extract<Step, { kind: 'CREATE' }>): Promise<string | undefined> {
    const { now } = this.change;
    const id = randomUUID();
    const due = step.startAfter <= now;
    const { versionId, template, generation, attempt, startAfter } = step;
    await this.change.manager.insert(ReplicaEntity, {
      id,
      deploymentId: this.snapshot.deployment.id,
      versionId,
      template,
      generation,
      attempt,
      startAfter,
      createdAt: now,
      state: due ? 'STARTING' : 'PENDING',
    });
    const wait = `waits ${startAfter.getTime() - now.getTime()} ms before start ${attempt + 1}`;
    await this.emit(due ? 'REPLICA_STARTING' : 'REPLICA_PENDING', `replica ${id.slice(0, 8)} ${due ? 'is STARTING' : wait}`, { replicaId: id, versionId });
    return due ? id : undefined;
  }

  async launch(replicaId: string): Promise<void> {
    await this.change.manager.update(ReplicaEntity, { id: replicaId }, { state: 'STARTING' });
    await this.emit('REPLICA_STARTING', `replica ${replicaId.slice(0, 8)} is STARTING`, { replicaId });
  }

  async route(step: Extract<Step, { kind: 'ROUTE' | 'WITHDRAW' }>, versions: ReadonlyMap<string, VersionEntity>): Promise<void> {
    const { deployment, projectName } = this.snapshot;
    if (step.kind === 'WITHDRAW') {
      const version = await writeRoute(this.change, deployment.id, null);
      await this.emit('ROUTE_WITHDRAWN', `route table ${version} no longer contains it`, {});
      return;
    }
    const document = routeDocument(step.route, {
      deploymentId: deployment.id,
      project: projectName,
      name: deployment.name,
      spec: specOf(this.snapshot, step.route.generation),
      versions,
      replicas: this.addresses,
    });
    const version = await writeRoute(this.change, deployment.id, document);
    const targets = document.targets.map(
      ({ versionNumber, weight, shadowPercent, replicas }) =>
        `version ${versionNumber} (${shadowPercent > 0 ? `shadow of ${shadowPercent} %` : `weight ${weight}`}, ${replicas.length} replicas)`,
    );
    await this.emit('ROUTE_CHANGED', `route table ${version} sends generation ${document.generation} to ${targets.join(', ')}`, {});
  }

  /** Answers whether the engine is to stop it. */
  async retire(step: Extract<Step, { kind: 'DRAIN' | 'STOP' }>): Promise<boolean> {
    const row = this.snapshot.replicas.find((r) => r.id === step.replicaId)!;
    const { manager, now } = this.change;
    if (step.kind === 'STOP' && !hasProcess(row.state)) {
      await manager.update(ReplicaEntity, { id: row.id }, { state: 'STOPPED', reason: step.reason, stoppedAt: now });
      await this.emit('REPLICA_STOPPED', `replica ${row.id.slice(0, 8)} is STOPPED: ${step.reason}`, { replicaId: row.id, versionId: row.versionId });
      return false;
    }
    if (row.state !== 'DRAINING') {
      await manager.update(ReplicaEntity, { id: row.id }, { state: 'DRAINING', reason: step.reason });
      await this.emit('REPLICA_DRAINING', `replica ${row.id.slice(0, 8)} is DRAINING: ${step.reason}`, { replicaId: row.id, versionId: row.versionId });
    }
    return step.kind === 'STOP';
  }

  async outcome({ outcome }: Pass): Promise<void> {
    const { rollout } = this.snapshot;
    if (outcome && outcome.state !== 'PROGRESSING') {
      const reason = outcome.state === 'FAILED' ? outcome.reason : null;
      const message = reason ?? `generation ${this.snapshot.deployment.generation} is served by every gateway`;
      await this.emit(`ROLLOUT_${outcome.state}`, message, { rolloutId: rollout.id });
      await this.change.manager.update(RolloutEntity, { id: rollout.id }, { state: outcome.state, reason, finishedAt: this.change.now });
    }
    if (rollout.state === 'PROGRESSING' && this.evidence.length > 0) {
      await this.change.manager.query('UPDATE rollout SET steps = steps || $2::jsonb WHERE id = $1', [rollout.id, JSON.stringify(this.evidence)]);
    }
  }

  async status({ status, outcome }: Pass): Promise<void> {
    const { deployment } = this.snapshot;
    const { phase, conditions } = status;
    const [from, to] = [PHASES.indexOf(deployment.phase), PHASES.indexOf(phase)];
    const passed = from >= 0 && to > from ? PHASES.slice(from + 1, to + 1) : phase === deployment.phase ? [] : [phase];
    for (const each of passed) {
      const message = each === 'FAILED' && outcome?.state === 'FAILED' ? outcome.reason : `generation ${deployment.generation} is ${each}`;
      await this.emit(`DEPLOYMENT_${each}`, message, {}, each);
    }
    await this.change.manager.update(
      DeploymentEntity,
      { id: deployment.id },
      { phase, conditions: [...conditions], observedGeneration: deployment.generation },
    );
  }

  private async emit(
    type: string,
    message: string,
    ids: { replicaId?: string; versionId?: string; rolloutId?: string },
    phase: DeploymentPhase = this.snapshot.deployment.phase,
  ): Promise<void> {
    const { deployment } = this.snapshot;
    this.evidence.push({ name: type, message, at: this.change.now.toISOString() });
    await this.change.emit({
      topic: 'deployment',
      subjectId: deployment.id,
      projectId: deployment.projectId,
      type,
      payload: { phase, generation: deployment.generation, message, ...ids },
    });
  }
}
