import { randomUUID } from 'node:crypto';
import { In } from 'typeorm';
import { idempotent } from '../access/idempotency.js';
import { type Page, type PageArgs, pageOf } from '../database/pagination.js';
import { readBack } from '../database/read-back.js';
import type { Actor, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { checkGeneration, checkModelName, isModelName, isName } from './names.js';
import type { ProjectService } from './project.service.js';
import { ModelEntity } from './registry.entities.js';
import { checkDescription } from './texts.js';

export interface CreateModelRequest {
  readonly project: string;
  readonly name: string;
  readonly description: string;
  readonly idempotencyKey?: string | null | undefined;
}

export interface UpdateModelRequest {
  readonly project: string;
  readonly name: string;
  readonly description: string;
  readonly expectedGeneration?: number | null | undefined;
}

export class ModelService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly projects: ProjectService,
  ) {}

  /** @throws DomainError NOT_FOUND */
  async get(id: string): Promise<ModelEntity> {
    const [model] = await this.byIds([id]);
    if (!model) throw new DomainError('NOT_FOUND', 'this model does not exist', ['model']);
    return model;
  }

  /** In no particular order; unknown ids are left out. */
  byIds(ids: readonly string[]): Promise<ModelEntity[]> {
    return this.manager.findBy(ModelEntity, { id: In([...ids]) });
  }

  async byName(project: string, name: string): Promise<ModelEntity | undefined> {
    if (!isName(project) || !isModelName(name)) return undefined;
    const found = this.manager
      .createQueryBuilder(ModelEntity, 'm')
      .innerJoin('m.project', 'p')
      .where('p.name = :project AND m.name = :name', { project, name });
    return (await found.getOne()) ?? undefined;
  }

  /** @throws DomainError NOT_FOUND, on `projectField` or `field` */
  async expect(project: string, name: string, field: readonly string[] = ['model'], projectField: readonly string[] = ['project']): Promise<ModelEntity> {
    const model = await this.byName(project, name);
    if (model) return model;
    await this.projects.expect(project, projectField);
    throw new DomainError('NOT_FOUND', `project "${project}" has no model "${name.slice(0, 80)}"`, field);
  }

  /** By name. */
  page(projectId: string, args: PageArgs): Promise<Page<ModelEntity>> {
    return pageOf(this.manager, ModelEntity, args, { orderBy: 'name', direction: 'ASC', where: 'project_id = $1', parameters: [projectId] });
  }

  /** @throws DomainError INVALID, LIMIT_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, CONFLICT */
  async create(actor: Actor, request: CreateModelRequest): Promise<ModelEntity> {
    checkModelName(request.name);
    checkDescription(request.description);
    const project = await this.projects.expect(request.project);
    const { idempotencyKey: key, ...input } = request;
    const { name, description } = request;
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'createModel', key, input }, async () => {
        const made: { id: string }[] = await change.manager.query(
          'INSERT INTO model (id, project_id, name, description, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (project_id, name) DO NOTHING RETURNING id',
          [randomUUID(), project.id, name, description, actor, change.now],
        );
        if (!made[0]) throw new DomainError('ALREADY_EXISTS', `project "${project.name}" has a model "${name}" already`, ['name']);
        await change.audit({ action: 'createModel', objectType: 'Model', objectId: made[0].id, projectId: project.id, detail: { name, description } });
        return made[0].id;
      }),
    );
    return readBack(() => this.get(id));
  }

  /** @throws DomainError NOT_FOUND, LIMIT_EXCEEDED, CONFLICT */
  async update(actor: Actor, { project, name, description, expectedGeneration }: UpdateModelRequest): Promise<ModelEntity> {
    checkDescription(description);
    const { id } = await this.expect(project, name, ['name']);
    await this.work.run(actor, async (change) => {
      const model = await change.manager.findOneOrFail(ModelEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
      checkGeneration(model, expectedGeneration);
      if (model.description === description) return;
      await change.manager.update(ModelEntity, { id }, { description, generation: model.generation + 1 });
      await change.audit({ action: 'updateModel', objectType: 'Model', objectId: id, projectId: model.projectId, detail: { name, description } });
    });
    return readBack(() => this.get(id));
  }

  private get manager() {
    return this.work.manager;
  }
}
