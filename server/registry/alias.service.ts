/** Aliases: names that move from version to version, such as `champion`. */
import { randomUUID } from 'node:crypto';
import { In } from 'typeorm';
import { idempotent } from '../access/idempotency.js';
import { readBack } from '../database/read-back.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { AliasEntity, AliasMoveEntity } from './alias.entities.js';
import type { ModelService } from './model.service.js';
import { checkName } from './names.js';
import { ModelEntity, VersionEntity } from './registry.entities.js';
import { checkText } from './texts.js';

/** So that a model's aliases can be a plain list. */
const MAX_ALIASES = 100;
const MAX_REASON = 1_000;

export interface SetAliasRequest {
  readonly project: string;
  readonly model: string;
  readonly name: string;
  readonly version: number;
  /** Number of the version that the caller believes it to name; 0 for "does not exist". */
  readonly expectedVersion?: number | null | undefined;
  readonly reason: string;
  readonly idempotencyKey?: string | null | undefined;
}

export class AliasService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly models: ModelService,
  ) {}

  /** In no particular order; unknown ids are left out. */
  byIds(ids: readonly string[]): Promise<AliasEntity[]> {
    return this.work.manager.findBy(AliasEntity, { id: In([...ids]) });
  }

  async byName(project: string, model: string, name: string): Promise<AliasEntity | undefined> {
    const found = await this.models.byName(project, model);
    return found && ((await this.work.manager.findOneBy(AliasEntity, { modelId: found.id, name })) ?? undefined);
  }

  /** Those of several models, by name. */
  ofModels(modelIds: readonly string[]): Promise<AliasEntity[]> {
    return this.work.manager.find(AliasEntity, { where: { modelId: In([...modelIds]) }, order: { name: 'ASC' } });
  }

  /** Those that name one of several versions now, by name. */
  ofVersions(versionIds: readonly string[]): Promise<AliasEntity[]> {
    return this.work.manager.find(AliasEntity, { where: { versionId: In([...versionIds]) }, order: { name: 'ASC' } });
  }

  /**
   * Creates the alias, or moves it. A move to the version that it names already changes nothing.
   * @throws DomainError INVALID, LIMIT_EXCEEDED, NOT_FOUND, FAILED_PRECONDITION, CONFLICT
   */
  async set(actor: Actor, request: SetAliasRequest): Promise<AliasEntity> {
    checkName(request.name);
    checkText(request.reason, ['reason'], MAX_REASON);
    const model = await this.models.expect(request.project, request.model);
    const { idempotencyKey: key, ...input } = request;
    const id = await this.work.run(actor, (change) => idempotent(change, { operation: 'setAlias', key, input }, () => this.move(change, model.id, request)));
    return readBack(() => this.work.manager.findOneByOrFail(AliasEntity, { id }));
  }

  private async move(change: Change, modelId: string, { name, version: number, expectedVersion, reason }: SetAliasRequest): Promise<string> {
    const { manager, actor, now } = change;
    // One move at a time in a model: two callers that expect the same version must not both succeed.
    const model = await manager.findOneOrFail(ModelEntity, { where: { id: modelId }, lock: { mode: 'pessimistic_write' } });
    const version = await expectReady(change, model, number);
    const before = await manager.findOneBy(AliasEntity, { modelId, name });
    const from = before && (await manager.findOneByOrFail(VersionEntity, { id: before.versionId })).number;
    if (expectedVersion != null && expectedVersion !== (from ?? 0)) {
      const is = from === null ? 'does not exist' : `is version ${from}`;
      throw new DomainError('CONFLICT', `expectedVersion is ${expectedVersion}, but ${model.name}@${name} ${is}; read it again before you change it`, [
        'expectedVersion',
      ]);
    }
    if (before?.versionId === version.id) return before.id;
    if (!before) await expectRoom(change, modelId);
    const id = before?.id ?? randomUUID();
    const moveCount = (before?.moveCount ?? 0) + 1;
    const moved = { versionId: version.id, moveCount, movedBy: actor, movedAt: now };
    await (before ? manager.update(AliasEntity, { id }, moved) : manager.insert(AliasEntity, { id, modelId, name, ...moved }));
    await manager.insert(AliasMoveEntity, {
      id: randomUUID(),
      aliasId: id,
      number: moveCount,
      fromVersionId: before?.versionId ?? null,
      toVersionId: version.id,
      actor,
      reason,
      at: now,
    });
    const message = `${model.name}@${name}: ${from === null ? '' : `version ${from} → `}version ${number}${reason && `: ${reason}`}`;
    const { projectId } = model;
    await change.emit({ topic: 'alias', subjectId: id, projectId, type: 'ALIAS_MOVED', payload: { modelId, name, from, to: number, message } });
    const detail = { model: model.name, name, from, to: number, reason };
    await change.audit({ action: 'setAlias', objectType: 'Alias', objectId: id, projectId, detail });
    return id;
  }
}

/** @throws DomainError NOT_FOUND, FAILED_PRECONDITION */
async function expectReady({ manager }: Change, model: ModelEntity, number: number): Promise<VersionEntity> {
  const version = await manager.findOneBy(VersionEntity, { modelId: model.id, number });
  if (!version) throw new DomainError('NOT_FOUND', `model "${model.name}" has no version ${number}`, ['version']);
  if (version.state !== 'READY')
    throw new DomainError('FAILED_PRECONDITION', `version ${number} of "${model.name}" is ${version.state}; an alias names a READY version`, ['version']);
  return version;
}

/** @throws DomainError LIMIT_EXCEEDED */
async function expectRoom({ manager }: Change, modelId: string): Promise<void> {
  if ((await manager.countBy(AliasEntity, { modelId })) < MAX_ALIASES) return;
  throw new DomainError('LIMIT_EXCEEDED', `the model has ${MAX_ALIASES} aliases, and may not have more; move one of them`, ['name']);
}
