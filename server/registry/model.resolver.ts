import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import type { NodeSource } from '../api/node.resolver.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import type { ModelService } from './model.service.js';
import type { ProjectService } from './project.service.js';
import { CreateModelInput, ModelPayload, UpdateModelInput } from './registry-inputs.types.js';
import { ProjectEntity, VersionEntity } from './registry.entities.js';
import { toModel, toProject, toVersion } from './registry.mappers.js';
import { ModelConnection, ModelType, ProjectType, VersionConnection, VersionType } from './registry.types.js';
import type { VersionService } from './version.service.js';

@Resolver(() => ModelType)
export class ModelResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: ModelService,
    private readonly projects: ProjectService,
    private readonly versionService: VersionService,
  ) {}

  /** How `node(id)` finds models. */
  get nodes(): NodeSource {
    return {
      type: 'Model',
      load: async (ids) => {
        const rows = await this.service.byIds(ids);
        return ids.map((id) => rows.find((row) => row.id === id)).map((row) => row && toModel(row));
      },
    };
  }

  @Query(() => ModelConnection, { description: 'The models of a project, by name.' })
  async models(
    @Args() args: ConnectionArgs,
    @Arg('project', () => String, { defaultValue: 'default', description: "The project's name." }) project: string,
  ): Promise<Connection<ModelType>> {
    const { id } = await this.projects.expect(project);
    return toConnection(await this.service.page(id, args), toModel);
  }

  @Query(() => ModelType, { nullable: true, description: 'A model by its name. Null if there is none.' })
  async model(
    @Arg('name', () => String, { description: "The model's name." }) name: string,
    @Arg('project', () => String, { defaultValue: 'default', description: "The project's name." }) project: string,
  ): Promise<ModelType | null> {
    const row = await this.service.byName(project, name);
    return row ? toModel(row) : null;
  }

  @Mutation(() => ModelPayload, { description: 'Creates a model.' })
  createModel(
    @Arg('input', () => CreateModelInput, { description: 'What to create.' }) input: CreateModelInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<ModelPayload> {
    return payload(async () => ({ model: toModel(await this.service.create(actor, input)) }));
  }

  @Mutation(() => ModelPayload, { description: "Changes a model's description." })
  updateModel(
    @Arg('input', () => UpdateModelInput, { description: 'What to change.' }) input: UpdateModelInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<ModelPayload> {
    return payload(async () => ({ model: toModel(await this.service.update(actor, input)) }));
  }

  @FieldResolver(() => ProjectType, { description: 'The project it belongs to.' })
  async project(@Root() { projectRowId }: ModelType, @Ctx() context: ApiContext): Promise<ProjectType> {
    return toProject((await rowsById(context, this.dataSource.manager, ProjectEntity).load(projectRowId))!);
  }

  @FieldResolver(() => VersionConnection, { description: 'Versions of the model, newest first.' })
  async versions(@Root() { rowId }: ModelType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<VersionType>> {
    const query = { orderBy: 'number', direction: 'DESC', parent: 'modelId' } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, VersionEntity, args, query).load(rowId), toVersion);
  }

  @FieldResolver(() => VersionType, { nullable: true, description: 'The version with the highest number, in any state. Null if there is none.' })
  async latestVersion(@Root() { rowId }: ModelType, @Ctx() { loaders }: ApiContext): Promise<VersionType | null> {
    const loader = loaders.of<string, VersionEntity | undefined>('VersionEntity.latestOfModel', async (ids) => {
      const rows = await this.versionService.latestOf(ids);
      return ids.map((id) => rows.find((row) => row.modelId === id));
    });
    const row = await loader.load(rowId);
    return row ? toVersion(row) : null;
  }
}
