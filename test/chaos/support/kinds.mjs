/** The kinds of changes: what each sends, which row proves that it was made, and what should be afterwards. */
import { pick } from '../plan.mjs';
import { markedModel } from './model.mjs';

/** Deployments that come and go, at a time. */
const MOST_BRIEF = 2;
const MOST_REPLICAS = 3;
const DEPLOYMENT = 'userErrors { code message } deployment { generation }';
const REVISION = 'SELECT number FROM revision WHERE reason = $1';

/**
 * @typedef {{ kind: string, mark: string, mutation: string, inputType: string, fields: string, input: object, row: string, keyed: boolean,
 *   deployment?: import('./world.mjs').Deployment, before?: () => Promise<void>, after: (row: any) => Promise<void> | void, undo?: () => void }} Change
 *   `row`: SQL that finds what it made by its mark, $1; `after` is called once with that row
 * @param {{ world: import('./world.mjs').World, random: () => number, client: import('@pilothouse/client').PilothouseClient, retried: Function }} options
 */
export function changeKinds({ world, random, client, retried }) {
  let serial = 0;
  const free = (busy, wanted = () => true) => world.live().filter((each) => !busy.has(each.name) && wanted(each));
  const revision = (mark, deployment, kind, input, { version, replicas }) => ({
    kind,
    mark,
    deployment,
    mutation: kind,
    inputType: { deploy: 'DeployInput', scale: 'ScaleInput', rollback: 'RollbackInput' }[kind],
    fields: DEPLOYMENT,
    keyed: kind === 'deploy',
    input: { reason: mark, ...input, ...(kind === 'deploy' ? { idempotencyKey: mark } : { expectedGeneration: deployment.generation }) },
    row: REVISION,
    after: ({ number }) => world.revise(deployment, { number, version, replicas }),
  });
  const versionsOf = ({ model }) => [...world.models.get(model).versions.keys()];
  const targets = ({ model }, version) => [{ versionId: world.models.get(model).versions.get(version).id }];
  const ref = ({ name }) => ({ deployment: { name } });

  const kinds = {
    model: (mark) => ({
      kind: 'model',
      mark,
      mutation: 'createModel',
      inputType: 'CreateModelInput',
      fields: 'userErrors { code message } model { name }',
      keyed: true,
      input: { name: mark, description: mark, idempotencyKey: mark },
      row: 'SELECT name FROM model WHERE description = $1',
      after: ({ name }) => void world.models.set(name, { name, versions: new Map() }),
    }),
    version: (mark, _busy, name = 'marked') => {
      const own = ++serial;
      const change = {
        kind: 'version',
        mark,
        mutation: 'createVersion',
        inputType: 'CreateVersionInput',
        fields: 'userErrors { code message } version { number }',
        keyed: true,
        input: { model: name, description: mark, idempotencyKey: mark, files: [] },
        row: 'SELECT number FROM version WHERE description = $1',
        before: async () => {
          const data = await markedModel(own);
          const { digest } = await retried(() => client.uploadArtifact(data));
          change.input.files = [{ path: 'model.onnx', digest }];
        },
        after: async ({ number }) => {
          const query = 'query ($model: String!, $number: Int!) { version(model: $model, number: $number) { id state reason } }';
          const version = await retried(async () => {
            const { version: found } = await client.request(query, { model: name, number });
            if (found.state === 'VALIDATING') throw new Error('it is still VALIDATING');
            return found;
          });
          if (version.state !== 'READY') throw new Error(`version ${number} is ${version.state}: ${version.reason}`);
          world.models.get(name).versions.set(number, { id: version.id, serial: own });
        },
      };
      return change;
    },
    create: (mark, busy, { name = mark, brief = true, replicas = 1 } = {}) => {
      if (brief && world.live().filter((each) => each.brief).length >= MOST_BRIEF) return kinds.delete(mark, busy);
      const deployment = { name, model: 'marked', brief, live: false, served: false, generation: 0, revisions: [] };
      const version = pick(random, versionsOf(deployment));
      const change = revision(mark, deployment, 'deploy', { name, replicas, targets: targets(deployment, version) }, { version, replicas });
      const { after } = change;
      world.deployments.set(name, deployment);
      return { ...change, kind: 'create', after: (row) => (after(row), void (deployment.live = true)) };
    },
    delete: (mark, busy) => {
      const [deployment] = free(busy, ({ brief }) => brief);
      if (!deployment) return kinds.scale(mark, busy);
      deployment.served = false;
      return {
        kind: 'delete',
        mark,
        deployment,
        mutation: 'deleteDeployment',
        inputType: 'DeleteDeploymentInput',
        fields: DEPLOYMENT,
        keyed: false,
        input: { ...ref(deployment), reason: mark, expectedGeneration: deployment.generation },
        row: `SELECT 1 FROM audit_entry WHERE action = 'deleteDeployment' AND detail->>'reason' = $1`,
        after: () => void (deployment.live = false),
        undo: () => void (deployment.served = true),
      };
    },
    deploy: (mark, busy) => {
      const deployment = pick(random, free(busy));
      const version = pick(
        random,
        versionsOf(deployment).filter((number) => number !== deployment.version),
      );
      const { name, replicas } = deployment;
      return revision(mark, deployment, 'deploy', { name, targets: targets(deployment, version) }, { version, replicas });
    },
    scale: (mark, busy) => {
      const deployment = pick(random, free(busy));
      const replicas = 1 + ((deployment.replicas + Math.floor(random() * (MOST_REPLICAS - 1))) % MOST_REPLICAS);
      return revision(mark, deployment, 'scale', { ...ref(deployment), replicas }, { version: deployment.version, replicas });
    },
    rollback: (mark, busy) => {
      const differs = (deployment) =>
        deployment.revisions.filter(({ version, replicas }) => version !== deployment.version || replicas !== deployment.replicas);
      const candidates = free(busy, (deployment) => differs(deployment).length > 0);
      if (candidates.length === 0) return kinds.deploy(mark, busy);
      const deployment = pick(random, candidates);
      const to = pick(random, differs(deployment));
      return revision(mark, deployment, 'rollback', { ...ref(deployment), toRevision: to.number }, to);
    },
  };
  return kinds;
}
