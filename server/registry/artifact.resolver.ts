import { Arg, Args, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { ApiContext } from '../api/context.js';
import { type Connection, ConnectionArgs, toConnection } from '../api/conventions.types.js';
import type { NodeSource } from '../api/node.resolver.js';
import type { Page } from '../database/pagination.js';
import type { ArtifactService } from './artifact.service.js';
import type { VersionEntity } from './registry.entities.js';
import { toArtifact, toVersion } from './registry.mappers.js';
import { ArtifactType, VersionConnection, VersionFileType, type VersionType } from './registry.types.js';
import type { VersionService } from './version.service.js';

@Resolver(() => ArtifactType)
export class ArtifactResolver {
  constructor(
    private readonly service: ArtifactService,
    private readonly versionService: VersionService,
  ) {}

  /** How `node(id)` finds artifacts. */
  get nodes(): NodeSource {
    return { type: 'Artifact', load: async (ids) => (await this.service.byIds(ids)).map((row) => row && toArtifact(row)) };
  }

  @Query(() => ArtifactType, { nullable: true, description: 'An artifact by its digest. Null if no such file was uploaded.' })
  async artifact(
    @Arg('digest', () => String, { description: 'SHA-256 of the bytes, 64 lower-case hexadecimal digits.' }) digest: string,
  ): Promise<ArtifactType | null> {
    const row = await this.service.find(digest);
    return row ? toArtifact(row) : null;
  }

  @FieldResolver(() => VersionConnection, { description: 'The versions, of all models, that contain this file, newest first.' })
  async versions(@Root() { digest }: ArtifactType, @Args() { first, after }: ConnectionArgs, @Ctx() { loaders }: ApiContext): Promise<Connection<VersionType>> {
    const loader = loaders.of<string, Page<VersionEntity>>(`VersionEntity.pageUsing:${JSON.stringify([first, after])}`, (digests) =>
      this.versionService.pagesUsing(digests, { first, after }),
    );
    return toConnection(await loader.load(digest), toVersion);
  }
}

@Resolver(() => VersionFileType)
export class VersionFileResolver {
  constructor(private readonly service: ArtifactService) {}

  @FieldResolver(() => ArtifactType, { description: 'The artifact that holds the bytes.' })
  async artifact(@Root() { digest }: VersionFileType, @Ctx() { loaders }: ApiContext): Promise<ArtifactType> {
    const loader = loaders.of<string, ArtifactType>('ArtifactEntity.byDigest', async (digests) => {
      const byDigest = new Map((await this.service.byDigests(digests)).map((row) => [row.digest, row]));
      // The foreign key of version_file keeps the row.
      return digests.map((one) => toArtifact(byDigest.get(one)!));
    });
    return loader.load(digest);
  }
}
