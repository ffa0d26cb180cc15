import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { DataSource } from 'typeorm';
import { AuditEntryType } from '../access/audit.types.js';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import type { NodeSource } from '../api/node.resolver.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import type { ProjectService } from './project.service.js';
import { CreateProjectInput, ProjectPayload, UpdateProjectInput } from './registry-inputs.types.js';
import { ModelEntity, ProjectEntity } from './registry.entities.js';
import { toModel, toProject } from './registry.mappers.js';
import { ModelConnection, type ModelType, ProjectConnection, ProjectType } from './registry.types.js';

@Resolver(() => ProjectType)
export class ProjectResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: ProjectService,
  ) {}

  /** How `node(id)` finds projects. */
  get nodes(): NodeSource {
    return {
      type: 'Project',
      load: async (ids) => {
        const rows = await this.service.byIds(ids);
        return ids.map((id) => rows.find((row) => row.id === id)).map((row) => row && toProject(row));
      },
    };
  }

  @Query(() => ProjectConnection, { description: 'All projects, by name.' })
  async projects(@Args() args: ConnectionArgs): Promise<Connection<ProjectType>> {
    return toConnection(await this.service.page(args), toProject);
  }

  @Query(() => ProjectType, { nullable: true, description: 'A project by its name. Null if there is none.' })
  async project(@Arg('name', () => String, { description: "The project's name." }) name: string): Promise<ProjectType | null> {
    const row = await this.service.byName(name);
    return row ? toProject(row) : null;
  }

  @Mutation(() => ProjectPayload, { description: 'Creates a project.' })
  createProject(
    @Arg('input', () => CreateProjectInput, { description: 'What to create.' }) input: CreateProjectInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<ProjectPayload> {
    return payload(async () => ({ project: toProject(await this.service.create(actor, input)) }));
  }

  @Mutation(() => ProjectPayload, { description: "Changes a project's description." })
  updateProject(
    @Arg('input', () => UpdateProjectInput, { description: 'What to change.' }) input: UpdateProjectInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<ProjectPayload> {
    return payload(async () => ({ project: toProject(await this.service.update(actor, input)) }));
  }

  @FieldResolver(() => ModelConnection, { description: 'Its models, by name.' })
  async models(@Root() { rowId }: ProjectType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<ModelType>> {
    const query = { orderBy: 'name', direction: 'ASC', parent: 'projectId' } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, ModelEntity, args, query).load(rowId), toModel);
  }
}

/** From what was done to the project that it was done in. */
@Resolver(() => AuditEntryType)
export class AuditEntryProjectResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => ProjectType, { nullable: true, description: 'The project of the object, as it is now. Null if the object belongs to no project.' })
  async project(@Root() { projectRowId }: AuditEntryType, @Ctx() context: ApiContext): Promise<ProjectType | null> {
    const row = projectRowId === null ? undefined : await rowsById(context, this.dataSource.manager, ProjectEntity).load(projectRowId);
    return row ? toProject(row) : null;
  }
}
