import { Arg, Args, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { DataSource } from 'typeorm';
import type { Datatype, Signature } from '../../runtimes/tensor.js';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, payload, toConnection } from '../api/conventions.types.js';
import { expectNodeId } from '../api/node-id.js';
import type { NodeSource } from '../api/node.resolver.js';
import { pageBelow, rowsById } from '../api/row-loaders.js';
import { DomainError } from '../errors.js';
import type { FeedItem } from '../events/event-feed.js';
import { AfterArgs, VersionEventType, toEventType } from '../events/event.types.js';
import { followFeed } from '../events/follow-feed.js';
import type { ModelService } from './model.service.js';
import { CreateVersionInput, type TensorSpecInput, VersionPayload } from './registry-inputs.types.js';
import { type Lineage, ModelEntity, VersionEntity, type VersionState } from './registry.entities.js';
import { toModel, toVersion, toVersionFile } from './registry.mappers.js';
import { ModelType, VersionConnection, VersionFileType, VersionStateEnum, VersionType } from './registry.types.js';
import type { SizedVersionFile, VersionService } from './version.service.js';

@Resolver(() => VersionType)
export class VersionResolver {
  constructor(
    private readonly dataSource: DataSource,
    private readonly service: VersionService,
    private readonly models: ModelService,
  ) {}

  /** How `node(id)` finds versions. */
  get nodes(): NodeSource {
    return {
      type: 'Version',
      load: async (ids) => {
        const rows = await this.service.byIds(ids);
        return ids.map((id) => rows.find((row) => row.id === id)).map((row) => row && toVersion(row));
      },
    };
  }

  @Query(() => VersionConnection, { description: 'The versions of a model, newest first.' })
  async versions(
    @Args() args: ConnectionArgs,
    @Arg('model', () => String, { description: "The model's name." }) model: string,
    @Arg('project', () => String, { defaultValue: 'default', description: "The project's name." }) project: string,
    @Arg('state', () => VersionStateEnum, { nullable: true, description: 'Only those in this state.' }) state?: VersionState | null,
  ): Promise<Connection<VersionType>> {
    const { id } = await this.models.expect(project, model);
    return toConnection(await this.service.page(id, args, state ?? undefined), toVersion);
  }

  @Query(() => VersionType, { nullable: true, description: 'A version by its number, or by an alias of its model. Null if there is none.' })
  async version(
    @Arg('model', () => String, { description: "The model's name." }) model: string,
    @Arg('number', () => Int, { nullable: true, description: "The version's number in the model." }) number: number | null | undefined,
    @Arg('project', () => String, { defaultValue: 'default', description: "The project's name." }) project: string,
    @Arg('alias', () => String, { nullable: true, description: 'An alias of the model, in place of the number.' }) alias?: string | null,
  ): Promise<VersionType | null> {
    if ((number == null) === (alias == null)) throw new DomainError('INVALID', 'name a version either by `number` or by `alias`', ['number']);
    const row = number != null ? await this.service.byName(project, model, number) : await this.service.byAlias(project, model, alias!);
    return row ? toVersion(row) : null;
  }

  @Mutation(() => VersionPayload, {
    description: 'Creates a version from uploaded files. Returns at once with a version that is VALIDATING; follow it with `versionEvents`.',
  })
  createVersion(
    @Arg('input', () => CreateVersionInput, { description: 'What to create.' }) input: CreateVersionInput,
    @Ctx() { actor }: ApiContext,
  ): Promise<VersionPayload> {
    const request = { ...input, lineage: toLineage(input.lineage), signature: toSignature(input.signature) };
    return payload(async () => ({ version: toVersion(await this.service.create(actor, request)) }));
  }

  @Subscription(() => VersionEventType, {
    description:
      'Events of a version: VERSION_CREATED, then VERSION_READY or VERSION_REJECTED. VALIDATION_PROGRESS: something is installed first. VALIDATION_DELAYED: validation could not run yet.',
    subscribe: followFeed<{ version: string }>(({ version }, context) => context.instance(VersionResolver).eventsOf(version)),
  })
  versionEvents(
    @Root() item: FeedItem,
    @Arg('version', () => ID, { description: "The version's id." }) _version: string,
    @Args() _after: AfterArgs,
  ): VersionEventType {
    return toEventType<VersionEventType>(item);
  }

  /** Which events of the feed are a version's. @throws DomainError INVALID, NOT_FOUND */
  async eventsOf(nodeId: string): Promise<{ topic: 'version'; subjectId: string }> {
    const { id } = await this.service.get(expectNodeId('Version', nodeId, 'version'));
    return { topic: 'version', subjectId: id };
  }

  @FieldResolver(() => ModelType, { description: 'The model it belongs to.' })
  async model(@Root() { modelRowId }: VersionType, @Ctx() context: ApiContext): Promise<ModelType> {
    return toModel((await rowsById(context, this.dataSource.manager, ModelEntity).load(modelRowId))!);
  }

  @FieldResolver(() => VersionType, { nullable: true, description: 'The version it was made from. Null for a first version.' })
  async parent(@Root() { parentRowId }: VersionType, @Ctx() context: ApiContext): Promise<VersionType | null> {
    return parentRowId === null ? null : toVersion((await rowsById(context, this.dataSource.manager, VersionEntity).load(parentRowId))!);
  }

  @FieldResolver(() => VersionConnection, { description: 'The versions that were made from it, newest first.' })
  async children(@Root() { rowId }: VersionType, @Args() args: ConnectionArgs, @Ctx() context: ApiContext): Promise<Connection<VersionType>> {
    const query = { orderBy: 'number', direction: 'DESC', parent: 'parentId' } as const;
    return toConnection(await pageBelow(context, this.dataSource.manager, VersionEntity, args, query).load(rowId), toVersion);
  }

  @FieldResolver(() => [VersionFileType], { description: 'Its files, by path; at most 1,000.' })
  async files(@Root() { rowId }: VersionType, @Ctx() { loaders }: ApiContext): Promise<VersionFileType[]> {
    const loader = loaders.of<string, SizedVersionFile[]>('VersionFileEntity.ofVersion', async (ids) => {
      const ofVersion = new Map<string, SizedVersionFile[]>(ids.map((id) => [id, []]));
      for (const file of await this.service.filesOf(ids)) ofVersion.get(file.versionId)!.push(file);
      return ids.map((id) => ofVersion.get(id)!);
    });
    return (await loader.load(rowId)).map(toVersionFile);
  }
}

/** From an event to the version that it is about. */
@Resolver(() => VersionEventType)
export class VersionEventResolver {
  constructor(private readonly dataSource: DataSource) {}

  @FieldResolver(() => VersionType, { description: 'The version as it is now.' })
  async version(@Root() { event }: VersionEventType, @Ctx() context: ApiContext): Promise<VersionType> {
    return toVersion((await rowsById(context, this.dataSource.manager, VersionEntity).load(event.subjectId))!);
  }
}

/** A declared datatype is checked by the service. */
function toSignature(input: CreateVersionInput['signature']): Signature | null {
  if (!input) return null;
  const specs = (list: readonly TensorSpecInput[]) =>
    list.map(({ name, datatype, shape, optional }) => ({ name, datatype: datatype as Datatype, shape: shape ?? null, ...(optional && { optional }) }));
  return { inputs: specs(input.inputs), outputs: specs(input.outputs) };
}

/** What was left out and what is null are one thing, so that equal lineages are equal rows. Values inside hyperparameters stay as they are. */
function toLineage(input: CreateVersionInput['lineage']): Lineage {
  const { dataset, hyperparameters, metrics, libraries, source } = input ?? {};
  return {
    ...(dataset && {
      dataset: {
        name: dataset.name,
        ...(dataset.uri != null && { uri: dataset.uri }),
        ...(dataset.digest != null && { digest: dataset.digest }),
        ...(dataset.rows != null && { rows: dataset.rows }),
      },
    }),
    ...(hyperparameters && { hyperparameters }),
    ...(metrics && { metrics }),
    ...(libraries && { libraries }),
    ...(source && { source: { uri: source.uri, ...(source.revision != null && { revision: source.revision }) } }),
  };
}
