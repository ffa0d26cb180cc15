/** Which artifacts there are. A row says that the bytes were stored; the bytes themselves are the store's. */
import type { Readable } from 'node:stream';
import { In } from 'typeorm';
import { readBack } from '../database/read-back.js';
import type { Actor, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import type { ArtifactStore } from './artifact-store.js';
import { type Digest, artifactId, digestPrefix, expectDigest } from './digest.js';
import { ArtifactEntity } from './registry.entities.js';

export interface ReceivedArtifact {
  readonly artifact: ArtifactEntity;
  /** false: it was there before, and the stream was perhaps not read. */
  readonly created: boolean;
}

export class ArtifactService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly store: ArtifactStore,
    readonly maxBytes: number,
  ) {}

  /** The artifact, where both its row and its bytes are there. @throws DomainError INVALID for a malformed digest */
  async find(digest: string): Promise<ArtifactEntity | undefined> {
    const artifact = await this.manager.findOneBy(ArtifactEntity, { digest: expectDigest(digest, 'digest') });
    return artifact && (await this.store.exists(digest)) ? artifact : undefined;
  }

  /** In the order of `ids`, which are `artifactId`s. */
  async byIds(ids: readonly string[]): Promise<(ArtifactEntity | undefined)[]> {
    const rows = await this.manager
      .createQueryBuilder(ArtifactEntity, 'a')
      .where(`EXISTS (SELECT 1 FROM unnest(:prefixes::text[]) AS p WHERE a.digest >= p AND a.digest < p || 'g')`, { prefixes: ids.map(digestPrefix) })
      .getMany();
    const byId = new Map(rows.map((row) => [artifactId(row.digest), row]));
    return ids.map((id) => byId.get(id));
  }

  /** In no particular order; unknown digests are left out. */
  byDigests(digests: readonly Digest[]): Promise<ArtifactEntity[]> {
    return this.manager.findBy(ArtifactEntity, { digest: In([...digests]) });
  }

  /**
   * Stores an upload. The row follows the bytes, so that a row without bytes is never seen; bytes whose row a crash prevented are
   * taken up by the next upload of them.
   * @param from the stream begins behind so many bytes that came before
   * @throws DomainError as `ArtifactStore.put`
   */
  async receive(actor: Actor, digest: string, content: Readable, from = 0): Promise<ReceivedArtifact> {
    const known = await this.find(digest);
    if (known) return { artifact: known, created: false };
    const sizeBytes = await this.store.put(content, digest, this.maxBytes, from);
    const created = await this.work.run(actor, async (change) => {
      const made: unknown[] = await change.manager.query(
        'INSERT INTO artifact (digest, size_bytes, created_by, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (digest) DO NOTHING RETURNING 1',
        [digest, sizeBytes, actor, change.now],
      );
      if (made.length > 0)
        await change.audit({ action: 'uploadArtifact', objectType: 'Artifact', objectId: artifactId(digest), projectId: null, detail: { digest, sizeBytes } });
      return made.length > 0;
    });
    const artifact = await readBack(() => this.manager.findOneByOrFail(ArtifactEntity, { digest }));
    return { artifact, created };
  }

  /** How many bytes came of an upload that broke off. @throws DomainError INVALID for a malformed digest */
  received(digest: string): Promise<number> {
    return this.store.received(digest);
  }

  /** The bytes of an artifact and their number. @throws DomainError INVALID, NOT_FOUND */
  async read(digest: string): Promise<{ content: Readable; sizeBytes: number }> {
    const artifact = await this.find(digest);
    if (!artifact) throw new DomainError('NOT_FOUND', `there is no artifact ${digest}`, ['digest']);
    return { content: this.store.open(digest), sizeBytes: artifact.sizeBytes };
  }

  private get manager() {
    return this.work.dataSource.manager;
  }
}
