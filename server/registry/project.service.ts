import { randomUUID } from 'node:crypto';
import { type EntityManager, In } from 'typeorm';
import { idempotent } from '../access/idempotency.js';
import { type Page, type PageArgs, pageOf } from '../database/pagination.js';
import { readBack } from '../database/read-back.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import { checkGeneration, checkName, isName } from './names.js';
import { ProjectEntity } from './registry.entities.js';
import { checkDescription } from './texts.js';

/** The project that is always there. */
export const DEFAULT_PROJECT = 'default';

export interface CreateProjectRequest {
  readonly name: string;
  readonly description: string;
  readonly idempotencyKey?: string | null | undefined;
}

export interface UpdateProjectRequest {
  readonly name: string;
  readonly description: string;
  readonly expectedGeneration?: number | null | undefined;
}

/** Called in the transaction that makes the project. @throws DomainError for a name that is refused */
export type NameCheck = (manager: EntityManager, name: string) => Promise<void>;

export class ProjectService {
  private readonly nameChecks: NameCheck[] = [];

  constructor(private readonly work: UnitOfWork) {}

  /** Lets a later feature refuse names that something of its own stands in the way of. */
  addNameCheck(check: NameCheck): void {
    this.nameChecks.push(check);
  }

  /** @throws DomainError NOT_FOUND */
  async get(id: string): Promise<ProjectEntity> {
    const [project] = await this.byIds([id]);
    if (!project) throw new DomainError('NOT_FOUND', 'this project does not exist', ['project']);
    return project;
  }

  /** In no particular order; unknown ids are left out. */
  byIds(ids: readonly string[]): Promise<ProjectEntity[]> {
    return this.manager.findBy(ProjectEntity, { id: In([...ids]) });
  }

  async byName(name: string): Promise<ProjectEntity | undefined> {
    return isName(name) ? ((await this.manager.findOneBy(ProjectEntity, { name })) ?? undefined) : undefined;
  }

  /** @throws DomainError NOT_FOUND, on `field` */
  async expect(name: string, field: readonly string[] = ['project']): Promise<ProjectEntity> {
    const project = await this.byName(name);
    if (!project) throw new DomainError('NOT_FOUND', `project "${name.slice(0, 80)}" does not exist`, field);
    return project;
  }

  /** By name. */
  page(args: PageArgs): Promise<Page<ProjectEntity>> {
    return pageOf(this.manager, ProjectEntity, args, { orderBy: 'name', direction: 'ASC' });
  }

  /** @throws DomainError INVALID, LIMIT_EXCEEDED, ALREADY_EXISTS, CONFLICT */
  async create(actor: Actor, request: CreateProjectRequest): Promise<ProjectEntity> {
    checkName(request.name);
    checkDescription(request.description);
    const { idempotencyKey: key, ...input } = request;
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'createProject', key, input }, async () => {
        for (const check of this.nameChecks) await check(change.manager, request.name);
        const made = await this.insert(change, request);
        if (!made) throw new DomainError('ALREADY_EXISTS', `project "${request.name}" exists already`, ['name']);
        return made;
      }),
    );
    return readBack(() => this.get(id));
  }

  /** @throws DomainError NOT_FOUND, LIMIT_EXCEEDED, CONFLICT */
  async update(actor: Actor, { name, description, expectedGeneration }: UpdateProjectRequest): Promise<ProjectEntity> {
    checkDescription(description);
    const { id } = await this.expect(name, ['name']);
    await this.work.run(actor, async (change) => {
      const project = await change.manager.findOneOrFail(ProjectEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
      checkGeneration(project, expectedGeneration);
      if (project.description === description) return;
      await change.manager.update(ProjectEntity, { id }, { description, generation: project.generation + 1 });
      await change.audit({ action: 'updateProject', objectType: 'Project', objectId: id, projectId: id, detail: { name, description } });
    });
    return readBack(() => this.get(id));
  }

  /** Makes the project `default` where it is missing; any number of servers may do so at once. */
  async ensureDefault(actor: Actor): Promise<ProjectEntity> {
    const present = await this.byName(DEFAULT_PROJECT);
    if (present) return present;
    await this.work.run(actor, (change) => this.insert(change, { name: DEFAULT_PROJECT, description: 'Where things go that name no project.' }));
    return this.expect(DEFAULT_PROJECT);
  }

  /** The new row's id, or undefined where the name is taken. */
  private async insert({ manager, actor, now, audit }: Change, { name, description }: CreateProjectRequest): Promise<string | undefined> {
    const id = randomUUID();
    const made: unknown[] = await manager.query(
      'INSERT INTO project (id, name, description, created_by, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO NOTHING RETURNING id',
      [id, name, description, actor, now],
    );
    if (made.length === 0) return undefined;
    await audit({ action: 'createProject', objectType: 'Project', objectId: id, projectId: id, detail: { name, description } });
    return id;
  }

  private get manager() {
    return this.work.manager;
  }
}
