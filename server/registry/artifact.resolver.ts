import { Arg, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { ApiContext } from '../api/context.js';
import type { NodeSource } from '../api/node.resolver.js';
import type { ArtifactService } from './artifact.service.js';
import { toArtifact } from './registry.mappers.js';
import { ArtifactType, VersionFileType } from './registry.types.js';

@Resolver(() => ArtifactType)
export class ArtifactResolver {
  constructor(private readonly service: ArtifactService) {}

  /** How `node(id)` finds artifacts. */
  get nodes(): NodeSource {
    return { type: 'Artifact', load: async (ids) => (await this.service.byIds(ids)).map((row) => row && toArtifact(row)) };
  }

  @Query(() => ArtifactType, { nullable: true, description: 'An artifact by its digest; null where nothing was uploaded under it.' })
  async artifact(
    @Arg('digest', () => String, { description: 'SHA-256 of the bytes, 64 lower-case hexadecimal digits.' }) digest: string,
  ): Promise<ArtifactType | null> {
    const row = await this.service.find(digest);
    return row ? toArtifact(row) : null;
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
