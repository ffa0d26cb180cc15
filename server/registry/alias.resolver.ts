import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import { toNodeId } from '../api/node-id.js';
import type { NodeSource } from '../api/node.resolver.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import { AliasMoveEntity, type AliasEntity } from './alias.entities.js';
import type { AliasService } from './alias.service.js';
import { AliasMoveConnection, AliasMoveType, AliasPayload, AliasType, SetAliasInput } from './alias.types.js';
import { ModelEntity, VersionEntity } from './registry.entities.js';
import { toModel, toVersion } from './registry.mappers.js';
import { ModelType, VersionType } from './registry.types.js';

@Resolver(() => AliasType)
export class AliasResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: AliasService,
  ) {}

  /** How `node(id)` finds aliases. */
  get nodes(): NodeSource {
    return {
      type: 'Alias',
      load: async (ids) => {
        const rows = await this.service.byIds(ids);
        return ids.map((id) => rows.find((row) => row.id === id)).map((row) => row && toAlias(row));
      },
    };
  }

  @Query(() => AliasType, { nullable: true, description: 'An alias by its name; null where there is none.' })
  async alias(
    @Arg('model', () => String, { description: "The model's name." }) model: string,
    @Arg('name', () => String, { description: "The alias's name." }) name: string,
    @Arg('project', () => String, { defaultValue: 'default', description: "The project's name." }) project: string,
  ): Promise<AliasType | null> {
    const row = await this.service.byName(project, model, name);
    return row ? toAlias(row) : null;
  }

  @Mutation(() => AliasPayload, {
    description: 'Creates an alias, or moves it to another version. Deployments keep the version that they were deployed with.',
  })
  setAlias(
    @Arg('input', () => SetAliasInput, { description: 'Which alias, and where to.' }) input: SetAliasInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<AliasPayload> {
    return payload(async () => ({ alias: toAlias(await this.service.set(actor, input)) }));
  }

  @FieldResolver(() => ModelType, { description: 'The model it belongs to.' })
  async model(@Root() { modelRowId }: AliasType, @Ctx() context: ApiContext): Promise<ModelType> {
    return toModel((await rowsById(context, this.dataSource.manager, ModelEntity).load(modelRowId))!);
  }

  @FieldResolver(() => VersionType, { description: 'The version that it names.' })
  async version(@Root() { versionRowId }: AliasType, @Ctx() context: ApiContext): Promise<VersionType> {
    return toVersion((await rowsById(context, this.dataSource.manager, VersionEntity).load(versionRowId))!);
  }

  @FieldResolver(() => AliasMoveConnection, { description: 'Its history, newest first.' })
  async moves(@Root() { rowId }: AliasType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<AliasMoveType>> {
    const query = { orderBy: 'number', direction: 'DESC', parent: 'aliasId' } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, AliasMoveEntity, args, query).load(rowId), toMove);
  }
}

@Resolver(() => AliasMoveType)
export class AliasMoveResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => VersionType, { nullable: true, description: 'The version that it named before; null for the first move.' })
  async from(@Root() { fromRowId }: AliasMoveType, @Ctx() context: ApiContext): Promise<VersionType | null> {
    return fromRowId === null ? null : toVersion((await rowsById(context, this.dataSource.manager, VersionEntity).load(fromRowId))!);
  }

  @FieldResolver(() => VersionType, { description: 'The version that it named from then on.' })
  async to(@Root() { toRowId }: AliasMoveType, @Ctx() context: ApiContext): Promise<VersionType> {
    return toVersion((await rowsById(context, this.dataSource.manager, VersionEntity).load(toRowId))!);
  }
}

/** From models to their aliases. */
@Resolver(() => ModelType)
export class ModelAliasesResolver {
  constructor(private readonly service: AliasService) {}

  @FieldResolver(() => [AliasType], { description: 'Its aliases, by name; at most 100.' })
  async aliases(@Root() { rowId }: ModelType, @Ctx() { loaders }: ApiContext): Promise<AliasType[]> {
    const loader = loaders.of<string, AliasEntity[]>('AliasEntity.ofModel', async (ids) => {
      const rows = await this.service.ofModels(ids);
      return ids.map((id) => rows.filter((row) => row.modelId === id));
    });
    return (await loader.load(rowId)).map(toAlias);
  }
}

/** From versions to the aliases that name them. */
@Resolver(() => VersionType)
export class VersionAliasesResolver {
  constructor(private readonly service: AliasService) {}

  @FieldResolver(() => [String], { description: 'Names of the aliases that name it now.' })
  async aliases(@Root() { rowId }: VersionType, @Ctx() { loaders }: ApiContext): Promise<string[]> {
    const loader = loaders.of<string, AliasEntity[]>('AliasEntity.ofVersion', async (ids) => {
      const rows = await this.service.ofVersions(ids);
      return ids.map((id) => rows.filter((row) => row.versionId === id));
    });
    return (await loader.load(rowId)).map(({ name }) => name);
  }
}

function toAlias({ id, name, movedBy, movedAt, modelId, versionId }: AliasEntity): AliasType {
  return Object.assign(new AliasType(), { id: toNodeId('Alias', id), name, movedBy, movedAt, rowId: id, modelRowId: modelId, versionRowId: versionId });
}

function toMove({ number, actor, reason, at, fromVersionId, toVersionId }: AliasMoveEntity): AliasMoveType {
  return Object.assign(new AliasMoveType(), { number, actor, reason, at, fromRowId: fromVersionId, toRowId: toVersionId });
}
