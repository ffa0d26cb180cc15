/** What a newcomer sees: the samples registered and deployed, and one real prediction of each. */
import type { App } from '../app.js';
import { hadDeployment } from '../deployments/deployment-rows.js';
import type { Features } from '../features.js';
import { announced } from '../lifecycle/announced.js';
import { DEFAULT_PROJECT } from '../registry/project.service.js';
import { registerSamples, SAMPLES_ACTOR, type RegisteredSample } from './register-samples.js';

const VALIDATION_MS = 120_000;
const READY_MS = 60_000;

/** Registers and deploys the samples where the database holds nothing else, and tells what they predict. */
export async function showSamples(app: App, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const samples = await announced(say, 'Registering the sample models, and trying each of them…', () =>
    registerSamples(app.features.registry, VALIDATION_MS, signal),
  );
  for (const registered of samples ?? []) {
    say(await announced(say, `Deploying the sample ${registered.sample.name}…`, () => showSample(app, registered, signal)));
  }
}

async function showSample(app: App, { sample, version }: RegisteredSample, signal: AbortSignal): Promise<string> {
  const { name, rows, read } = sample;
  if (version.state === 'REJECTED') return `${name}: version ${version.number} was REJECTED: ${version.reason}`;
  const deployment = await deploy(app, name, version.id);
  if (!deployment) return `${name}: not deployed any more; deploy it with the mutation "deploy".`;
  const phase = await settled(app.features, deployment, signal);
  if (phase !== 'READY') return `${name}: ${phase}; the query "deployment" says why.`;
  const row = rows[0]!;
  const start = performance.now();
  const { outputs } = await app.features.deployments.inference.infer({ model: name, inputs: row.inputs, outputs: undefined });
  return `${name}: predicted ${read(outputs)}, actual ${row.label} (${(performance.now() - start).toFixed(1)} ms)`;
}

/** Answers the deployment's id; undefined where it was deleted by somebody since: it does not come back by itself. */
async function deploy({ dataSource, features: { deployments, registry } }: App, name: string, versionId: string): Promise<string | undefined> {
  const present = await deployments.service.byName(DEFAULT_PROJECT, name);
  if (present) return present.id;
  const { id: projectId } = await registry.projects.expect(DEFAULT_PROJECT);
  if (await hadDeployment(dataSource.manager, projectId, name)) return undefined;
  const spec = { targets: [{ versionId, weight: 100, shadowPercent: 0 }] };
  const made = await deployments.service.deploy(SAMPLES_ACTOR, {
    project: DEFAULT_PROJECT,
    name,
    spec,
    reason: 'the sample that comes with Pilothouse',
    input: { name, versionId },
  });
  return made.id;
}

/** The phase that the deployment comes to rest in, or has after a minute. @throws the signal's reason */
export async function settled({ events, deployments }: Pick<Features, 'events' | 'deployments'>, id: string, signal: AbortSignal): Promise<string> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]);
  const steps = await events.feed.open({ topic: 'deployment', subjectId: id }, until);
  // What happened before the feed was opened shows in the deployment itself.
  for (let phase = (await deployments.service.get({ id })).phase; ;) {
    signal.throwIfAborted();
    if (phase === 'READY' || phase === 'FAILED' || phase === 'DELETED' || until.aborted) return phase;
    const step = await steps.next();
    phase = step.done ? (await deployments.service.get({ id })).phase : (step.value.event.payload['phase'] as typeof phase);
  }
}
