/** Registers the sample models in a database that holds no other, so that a newcomer has something to look at. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { DomainError } from '../errors.js';
import type { ArtifactService } from '../registry/artifact.service.js';
import { sha256 } from '../registry/digest.js';
import type { ModelService } from '../registry/model.service.js';
import { DEFAULT_PROJECT, type ProjectService } from '../registry/project.service.js';
import type { VersionEntity } from '../registry/registry.entities.js';
import type { VersionService } from '../registry/version.service.js';
import { readSamples, type SampleModel } from './samples.js';

export interface SampleRegistry {
  readonly dataSource: DataSource;
  readonly projects: ProjectService;
  readonly models: ModelService;
  readonly versions: VersionService;
  readonly artifacts: ArtifactService;
}

export interface RegisteredSample {
  readonly sample: SampleModel;
  /** READY or REJECTED. */
  readonly version: VersionEntity;
}

export const SAMPLES_ACTOR = 'system:samples';

const POLL_MS = 25;

/**
 * Registers what is not registered yet, and waits for the validations. Whatever was interrupted goes on at the next call, and
 * several servers may call at once.
 * @param timeoutMs how long validation may take in all
 * @returns the samples, or undefined where somebody made a model of their own: then nothing is done any more
 * @throws DomainError DEADLINE_EXCEEDED, or the signal's reason
 */
export async function registerSamples(registry: SampleRegistry, timeoutMs: number, signal?: AbortSignal): Promise<RegisteredSample[] | undefined> {
  if (await hasOtherModels(registry.dataSource)) return undefined;
  await registry.projects.ensureDefault(SAMPLES_ACTOR);
  const samples = await readSamples();
  const registered: { sample: SampleModel; id: string }[] = [];
  for (const sample of samples) registered.push({ sample, id: await register(registry, sample) });
  const deadline = performance.now() + timeoutMs;
  return Promise.all(registered.map(async ({ sample, id }) => ({ sample, version: await settled(registry.versions, id, deadline, signal) })));
}

async function hasOtherModels(dataSource: DataSource): Promise<boolean> {
  const rows: { found: boolean }[] = await dataSource.query('SELECT EXISTS (SELECT 1 FROM model WHERE created_by <> $1) AS found', [SAMPLES_ACTOR]);
  return rows[0]!.found;
}

/** Every step first looks whether it was taken. Answers the id of the model's first version. */
async function register({ models, versions, artifacts }: SampleRegistry, { name, description, files, lineage, rows }: SampleModel): Promise<string> {
  const first = await versions.byName(DEFAULT_PROJECT, name, 1);
  if (first) return first.id;
  const uploaded = [];
  for (const [path, source] of Object.entries(files)) {
    const digest = sha256(await readFile(source));
    await artifacts.receive(SAMPLES_ACTOR, digest, createReadStream(source));
    uploaded.push({ path, digest });
  }
  const model = { project: DEFAULT_PROJECT, name, description };
  if (!(await models.byName(DEFAULT_PROJECT, name))) await models.create(SAMPLES_ACTOR, model).catch(unlessThere);
  const version = {
    project: DEFAULT_PROJECT,
    model: name,
    files: uploaded,
    description: 'The sample that comes with Pilothouse.',
    lineage,
    sample: rows[0]!.inputs,
  };
  // The key: of two servers that come this far at once, one makes the version and the other gets it.
  return (await versions.create(SAMPLES_ACTOR, { ...version, idempotencyKey: `sample ${name}` })).id;
}

function unlessThere(error: unknown): void {
  if (!(error instanceof DomainError && error.code === 'ALREADY_EXISTS')) throw error;
}

async function settled(versions: VersionService, id: string, deadline: number, signal: AbortSignal | undefined): Promise<VersionEntity> {
  for (;;) {
    const version = await versions.get(id);
    if (version.state !== 'VALIDATING') return version;
    if (performance.now() > deadline)
      throw new DomainError('DEADLINE_EXCEEDED', `the validation of a sample is not done yet${version.reason ? `: ${version.reason}` : ''}`);
    await delay(POLL_MS, undefined, { signal });
  }
}
