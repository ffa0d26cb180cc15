/** Projects, models, versions and their files. */
import { PilothouseError } from './errors.js';
import * as operations from './generated/operations.js';
import type {
  CreateModelInput,
  CreateProjectInput,
  CreateVersionInput,
  ModelFieldsFragment as Model,
  ProjectFieldsFragment as Project,
  VersionFieldsFragment as Version,
  VersionSummaryFragment as VersionSummary,
} from './generated/operations.js';
import type { NamedSource, Source } from './platform.js';
import { isA, made, Requests, stopped, type ListOptions, type RequestOptions, type WaitOptions } from './requests.js';
import { upload, type UploadedArtifact, type UploadOptions } from './upload.js';

export interface NewVersion extends Omit<CreateVersionInput, 'files'> {
  /** Local files and folders, or bytes under a path. What the control plane has already is not sent again. */
  readonly files: readonly (string | NamedSource)[];
}

export interface FileProgress {
  /** Path of the file in the version. */
  readonly path: string;
  readonly sentBytes: number;
  readonly totalBytes: number;
}

/** A model as lists show it. */
export type ModelSummary = operations.ModelsQuery['models']['nodes'][number];

export abstract class Registry extends Requests {
  async createProject(input: CreateProjectInput, { signal }: RequestOptions = {}): Promise<Project> {
    const { createProject } = await this.request(operations.CreateProjectDocument, { input }, signal);
    return made(createProject, createProject.project);
  }

  async createModel(input: CreateModelInput, { signal }: RequestOptions = {}): Promise<Model> {
    const { createModel } = await this.request(operations.CreateModelDocument, { input }, signal);
    return made(createModel, createModel.model);
  }

  projects(options: ListOptions = {}): AsyncGenerator<Project, void, undefined> {
    return this.list(operations.ProjectsDocument, {}, ({ projects }) => projects, options);
  }

  models({ project = 'default', ...options }: ListOptions & { readonly project?: string } = {}): AsyncGenerator<ModelSummary, void, undefined> {
    return this.list(operations.ModelsDocument, { project }, ({ models }) => models, options);
  }

  /** The versions of a model, newest first. */
  versions(
    model: string,
    { project = 'default', ...options }: ListOptions & { readonly project?: string } = {},
  ): AsyncGenerator<VersionSummary, void, undefined> {
    return this.list(operations.VersionsDocument, { model, project }, ({ versions }) => versions, options);
  }

  /** Stores a local file, or bytes, under its SHA-256, unless it is there already. */
  uploadArtifact(source: Source, options: UploadOptions = {}): Promise<UploadedArtifact> {
    return upload(this.platform, this.url, this.token, source, options);
  }

  /** Uploads the files and creates a version of them. It answers VALIDATING: `waitForVersion` tells what becomes of it. */
  async createVersion(
    { files, ...input }: NewVersion,
    { signal, seen }: RequestOptions & { readonly seen?: (progress: FileProgress) => void } = {},
  ): Promise<Version> {
    const uploaded: { path: string; digest: string }[] = [];
    for (const { path, source } of await this.platform.namedSources(files)) {
      const tell = seen && ((sentBytes: number, totalBytes: number) => seen({ path, sentBytes, totalBytes }));
      uploaded.push({ path, digest: (await this.uploadArtifact(source, { signal, seen: tell })).digest });
    }
    const { createVersion } = await this.request(operations.CreateVersionDocument, { input: { ...input, files: uploaded } }, signal);
    return made(createVersion, createVersion.version);
  }

  /** @throws PilothouseError NOT_FOUND */
  async version(id: string, { signal }: RequestOptions = {}): Promise<Version> {
    const { node } = await this.request(operations.VersionByIdDocument, { id }, signal);
    if (!isA<Version>(node, 'number')) throw new PilothouseError('NOT_FOUND', `"${id}" is not the id of a version`);
    return node;
  }

  /**
   * Waits until a version is READY.
   * @throws PilothouseError FAILED_PRECONDITION, with the runtime's own message, when it is REJECTED
   */
  async waitForVersion(version: string | { readonly id: string }, options: WaitOptions = {}): Promise<Version> {
    const id = typeof version === 'string' ? version : version.id;
    // The cursor first: what happens between the two requests is then told by the events.
    const after = await this.eventCursor(options);
    const now = await this.version(id, options);
    if (now.state !== 'VALIDATING') return expectReady(now);
    const events = this.followDocument(operations.VersionEventsDocument, { version: id }, ({ versionEvents }) => versionEvents, { ...options, after });
    for await (const event of events)
      if (event.type === 'VERSION_READY' || event.type === 'VERSION_REJECTED') return expectReady(await this.version(id, options));
    throw stopped(options.signal);
  }
}

function expectReady(version: Version): Version {
  if (version.state === 'READY') return version;
  throw new PilothouseError('FAILED_PRECONDITION', `version ${version.number} was ${version.state}: ${version.reason ?? 'no reason was given'}`);
}
