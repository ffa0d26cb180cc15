/** What should be, after every change that was made. The change-maker writes it; callers and the check for READY read it. */

/**
 * @typedef {{ name: string, versions: Map<number, { id: string, serial: number }> }} Model `serial`: what the version's answers show
 * @typedef {{ name: string, model: string, brief: boolean, live: boolean, served: boolean, generation: number, version: number, replicas: number,
 *   revisions: { number: number, version: number, replicas: number }[] }} Deployment `served`: callers may expect an answer
 * @typedef {ReturnType<typeof createWorld>} World
 */
export function createWorld() {
  /** @type {Map<string, Model>} */
  const models = new Map();
  /** @type {Map<string, Deployment>} those that were deleted too: a late answer may be theirs */
  const deployments = new Map();
  const live = () => [...deployments.values()].filter((deployment) => deployment.live);
  return {
    models,
    deployments,
    live,
    servedNames: () => live().flatMap(({ name, served }) => (served ? [name] : [])),
    isServed: (name) => deployments.get(name).served,
    /** Number of the version of a deployment's model that has this serial number; undefined where there is none. */
    numberOf: (name, serial) => {
      const { versions } = models.get(deployments.get(name).model);
      return [...versions].find(([, version]) => version.serial === serial)?.[0];
    },
    /** A revision was made of a deployment. */
    revise: (deployment, { number, version, replicas }) => {
      Object.assign(deployment, { generation: number, version, replicas });
      deployment.revisions.push({ number, version, replicas });
    },
  };
}
