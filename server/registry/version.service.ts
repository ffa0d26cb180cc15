import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { In } from 'typeorm';
import { idempotent } from '../access/idempotency.js';
import { type Page, type PageArgs, pageOf } from '../database/pagination.js';
import { readBack } from '../database/read-back.js';
import type { Actor, Change, UnitOfWork } from '../database/unit-of-work.js';
import { DomainError } from '../errors.js';
import type { RuntimeOptions } from '../../runtimes/contract.js';
import type { Signature } from '../../runtimes/tensor.js';
import type { RuntimeCatalog } from '../../runtimes/catalog.js';
import { AliasEntity } from './alias.entities.js';
import type { ArtifactStore } from './artifact-store.js';
import type { Digest } from './digest.js';
import type { ModelService } from './model.service.js';
import { isModelName, isName } from './names.js';
import { checkLineage, checkSample } from './provenance.js';
import { ArtifactEntity, type Lineage, ModelEntity, type SampleTensor, VersionEntity, VersionFileEntity, type VersionState } from './registry.entities.js';
import { checkDeclaredSignature, readOptions } from './runtime-options.js';
import { checkDescription } from './texts.js';
import { type LoadedWith, type VersionFile, checkFiles, versionDigest } from './version-files.js';
import { versionsOfArtifacts } from './versions-of-artifacts.js';

/** Larger files are not looked into to find out the format: it has to be given. */
const MAX_DETECTED_BYTES = 64 * 1024 ** 2;

export interface CreateVersionRequest {
  readonly project: string;
  readonly model: string;
  readonly files: readonly VersionFile[];
  /** undefined or null: told from the files' names, and from what is in them. */
  readonly format?: string | null | undefined;
  readonly description: string;
  /** Number of the version it was made from; undefined or null: the one before. */
  readonly parent?: number | null | undefined;
  readonly lineage: Lineage;
  readonly sample?: readonly SampleTensor[] | null | undefined;
  readonly runtimeOptions?: RuntimeOptions | null | undefined;
  readonly signature?: Signature | null | undefined;
  readonly idempotencyKey?: string | null | undefined;
}

export interface SizedVersionFile extends VersionFile {
  readonly versionId: string;
  readonly sizeBytes: number;
}

export class VersionService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly models: ModelService,
    private readonly store: ArtifactStore,
    private readonly catalog: RuntimeCatalog,
    /** Tells this process that there is something to validate. */
    private readonly wakeValidation: () => void,
  ) {}

  /** @throws DomainError NOT_FOUND */
  async get(id: string): Promise<VersionEntity> {
    const [version] = await this.byIds([id]);
    if (!version) throw new DomainError('NOT_FOUND', 'this version does not exist', ['version']);
    return version;
  }

  /**
   * In no particular order; unknown ids are left out.
   * @param manager of the transaction that asks, where one is open: a second connection beside it may never come
   */
  byIds(ids: readonly string[], manager = this.manager): Promise<VersionEntity[]> {
    return manager.findBy(VersionEntity, { id: In([...ids]) });
  }

  async byName(project: string, model: string, number: number): Promise<VersionEntity | undefined> {
    return (await this.inModel(project, model)?.andWhere('v.number = :number', { number }).getOne()) ?? undefined;
  }

  /** The version that an alias names now. */
  async byAlias(project: string, model: string, alias: string): Promise<VersionEntity | undefined> {
    const named = this.inModel(project, model)?.innerJoin(AliasEntity, 'a', 'a.versionId = v.id AND a.name = :alias', { alias });
    return (await named?.getOne()) ?? undefined;
  }

  /** The READY version of highest number. */
  async latestReady(project: string, model: string): Promise<VersionEntity | undefined> {
    return (await this.inModel(project, model)?.andWhere(`v.state = 'READY'`).orderBy('v.number', 'DESC').limit(1).getOne()) ?? undefined;
  }

  /** The version of highest number of each model; models without one are left out. */
  latestOf(modelIds: readonly string[]): Promise<VersionEntity[]> {
    const versions = this.manager.createQueryBuilder(VersionEntity, 'v').innerJoin('v.model', 'm', 'v.number = m.lastVersionNumber');
    return versions.where('v.modelId = ANY(:ids)', { ids: [...modelIds] }).getMany();
  }

  /** Name of the project that a version belongs to; undefined for an unknown id. */
  async projectNameOf(id: string): Promise<string | undefined> {
    const rows: { name: string }[] = await this.manager.query(
      'SELECT p.name FROM version v JOIN model m ON m.id = v.model_id JOIN project p ON p.id = m.project_id WHERE v.id = $1',
      [id],
    );
    return rows[0]?.name;
  }

  /** By path. */
  files(versionId: string): Promise<SizedVersionFile[]> {
    return this.filesOf([versionId]);
  }

  /** The files of several versions, by path. */
  async filesOf(versionIds: readonly string[]): Promise<SizedVersionFile[]> {
    const rows: (Omit<SizedVersionFile, 'sizeBytes'> & { size: string })[] = await this.manager.query(
      `SELECT f.version_id AS "versionId", f.path, f.digest, a.size_bytes AS size
       FROM version_file f JOIN artifact a ON a.digest = f.digest WHERE f.version_id = ANY($1) ORDER BY f.version_id, f.path COLLATE "C"`,
      [versionIds],
    );
    return rows.map(({ versionId, path, digest, size }) => ({ versionId, path, digest, sizeBytes: Number(size) }));
  }

  /** Newest first. @param state only those in it */
  page(modelId: string, args: PageArgs, state?: VersionState): Promise<Page<VersionEntity>> {
    const where = 'model_id = $1 AND ($2::text IS NULL OR state = $2)';
    return pageOf(this.manager, VersionEntity, args, { orderBy: 'number', direction: 'DESC', where, parameters: [modelId, state ?? null] });
  }

  /** The versions that use each of the artifacts, newest first. @throws DomainError INVALID */
  pagesUsing(digests: readonly Digest[], args: PageArgs): Promise<Page<VersionEntity>[]> {
    return versionsOfArtifacts(this.manager, args, digests);
  }

  /**
   * Makes a version, VALIDATING; validation follows in the background. Equal files in one model are allowed: training anew may give the same.
   * @throws DomainError INVALID, LIMIT_EXCEEDED, NOT_FOUND, CONFLICT
   */
  async create(actor: Actor, request: CreateVersionRequest): Promise<VersionEntity> {
    checkDescription(request.description);
    checkFiles(request.files);
    checkLineage(request.lineage);
    if (request.sample) checkSample(request.sample);
    if (request.signature) checkDeclaredSignature(request.signature);
    if (request.format != null) this.expectFormat(request.format);
    const model = await this.models.expect(request.project, request.model);
    await this.expectArtifacts(request.files);
    const format = request.format ?? (await this.detectFormat(request.files));
    const runtimeOptions = await readOptions(this.catalog.pluginFor(format)!, request.runtimeOptions ?? {});
    const loadedWith = { runtimeOptions, declaredSignature: request.signature ?? null };
    const { idempotencyKey: key, ...input } = request;
    const id = await this.work.run(actor, (change) =>
      idempotent(change, { operation: 'createVersion', key, input }, () => this.insert(change, model.id, format, request, loadedWith)),
    );
    return readBack(() => this.get(id));
  }

  private async insert(change: Change, modelId: string, format: string, request: CreateVersionRequest, loadedWith: LoadedWith): Promise<string> {
    const { manager, actor, now } = change;
    // The lock gives the number: dense, and one creation at a time in a model.
    const model = await manager.findOneOrFail(ModelEntity, { where: { id: modelId }, lock: { mode: 'pessimistic_write' } });
    const number = model.lastVersionNumber + 1;
    const version = {
      id: randomUUID(),
      modelId,
      number,
      parentId: await parentOf(change, model, request.parent),
      description: request.description,
      format,
      runtime: this.catalog.pluginFor(format)!.name,
      digest: versionDigest(format, request.files, loadedWith),
      ...loadedWith,
      lineage: request.lineage,
      sample: request.sample ?? null,
      state: 'VALIDATING',
      createdBy: actor,
      createdAt: now,
    } as const;
    await manager.insert(VersionEntity, version as never);
    await manager.insert(
      VersionFileEntity,
      request.files.map(({ path, digest }) => ({ versionId: version.id, path, digest })),
    );
    await manager.update(ModelEntity, { id: modelId }, { lastVersionNumber: number });
    const message = `version ${number} of ${model.name} was created and is being validated`;
    await change.emit({
      topic: 'version',
      subjectId: version.id,
      projectId: model.projectId,
      type: 'VERSION_CREATED',
      payload: { state: 'VALIDATING', message },
    });
    const options = Object.keys(loadedWith.runtimeOptions).length > 0 && { runtimeOptions: loadedWith.runtimeOptions };
    const detail = { model: model.name, number, format, digest: version.digest, ...options };
    await change.audit({ action: 'createVersion', objectType: 'Version', objectId: version.id, projectId: model.projectId, detail });
    change.afterCommit(this.wakeValidation);
    return version.id;
  }

  /** @throws DomainError INVALID that lists the known formats */
  private expectFormat(format: string): void {
    if (this.catalog.pluginFor(format)) return;
    throw new DomainError('INVALID', `no runtime plugin loads the format "${format.slice(0, 80)}"; known formats: ${this.knownFormats}`, ['format']);
  }

  /** Told from the files' names, and from what is in them where names do not tell. @throws DomainError INVALID that lists the known formats */
  private async detectFormat(files: readonly VersionFile[]): Promise<string> {
    const read = async (path: string): Promise<string | undefined> => {
      const { digest } = files.find((file) => file.path === path)!;
      if (((await this.store.size(digest)) ?? Infinity) > MAX_DETECTED_BYTES) return undefined;
      return text(this.store.open(digest));
    };
    const detected = await this.catalog.detect(
      files.map((file) => file.path),
      read,
    );
    if (detected) return detected.name;
    throw new DomainError('INVALID', `these files belong to no known format; rename them or give the format. Known formats: ${this.knownFormats}`, ['files']);
  }

  private get knownFormats(): string {
    return this.catalog.formats.map(({ name, files: patterns }) => `${name} (${patterns.join(', ')})`).join('; ');
  }

  /** @throws DomainError NOT_FOUND for the first file whose bytes were not uploaded */
  private async expectArtifacts(files: readonly VersionFile[]): Promise<void> {
    const digests = [...new Set(files.map((file) => file.digest))];
    const rows = await this.manager.findBy(ArtifactEntity, { digest: In(digests) });
    const present = new Set<string>();
    for (const { digest } of rows) if (await this.store.exists(digest)) present.add(digest);
    files.forEach(({ path, digest }, i) => {
      if (present.has(digest)) return;
      throw new DomainError('NOT_FOUND', `there is no artifact ${digest} for "${path}"; upload it first: PUT /artifacts/${digest}`, [
        'files',
        String(i),
        'digest',
      ]);
    });
  }

  private inModel(project: string, model: string) {
    if (!isName(project) || !isModelName(model)) return undefined;
    const versions = this.manager.createQueryBuilder(VersionEntity, 'v').innerJoin('v.model', 'm').innerJoin('m.project', 'p');
    return versions.where('p.name = :project AND m.name = :model', { project, model });
  }

  private get manager() {
    return this.work.manager;
  }
}

async function parentOf({ manager }: Change, model: ModelEntity, wanted: number | null | undefined): Promise<string | null> {
  const number = wanted ?? model.lastVersionNumber;
  if (wanted == null && number === 0) return null;
  const parent = await manager.findOne(VersionEntity, { where: { modelId: model.id, number }, select: { id: true } });
  if (parent) return parent.id;
  const there = model.lastVersionNumber === 0 ? 'no version yet' : `the versions 1 to ${model.lastVersionNumber}`;
  throw new DomainError('NOT_FOUND', `model "${model.name}" has no version ${number}; it has ${there}`, ['parent']);
}
