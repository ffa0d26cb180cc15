/** Whether everything is as it should be: every deployment READY at its generation, with its replicas, and answering through both doors. */
const QUERY = `{ deployments(first: 100) { nodes { name phase generation observedGeneration targets { version { number } }
  replicas(first: 100) { nodes { pid state } } } } }`;
const ASK_MS = 3_000;

/**
 * @param {{ home: any, client: any, load: any, world: import('./world.mjs').World, gateways: number }} parts
 * @param {{ role: string, pid: number } | undefined} killed what was killed last: another one must have taken its place
 * @returns undefined when all is READY, else what is not
 */
export async function whatIsMissing({ home, client, load, world, gateways }, killed) {
  if (killed && killed.role !== 'backend' && killed.role !== 'replica') {
    const now = home.pids(killed.role);
    if (now.includes(killed.pid) || now.length < (killed.role === 'gateway' || killed.role === 'holder' ? gateways : 1))
      return `no other ${killed.role} runs yet`;
  }
  try {
    if (!(await home.isReady())) return '/readyz does not say that it is ready';
    const { deployments } = await client.request(QUERY, {}, AbortSignal.timeout(ASK_MS));
    const problem = difference(world, deployments.nodes, killed);
    if (problem) return problem;
  } catch (error) {
    return error.message;
  }
  for (const deployment of world.live()) {
    const { serial } = world.models.get(deployment.model).versions.get(deployment.version);
    const serials = await Promise.all(['HTTP', 'gRPC'].map((door) => load.probe(door, deployment.name)));
    if (serials.includes(undefined)) return `${deployment.name} does not answer`;
    if (serials.some((each) => each !== serial)) return `${deployment.name} answers with serial ${serials.join(' and ')}, not ${serial}`;
  }
  return undefined;
}

function difference(world, nodes, killed) {
  const wanted = world.live();
  for (const node of nodes) if (!wanted.some(({ name }) => name === node.name)) return `${node.name} is still ${node.phase}`;
  for (const { name, generation, version, replicas } of wanted) {
    const node = nodes.find((each) => each.name === name);
    if (!node) return `${name} is not there`;
    if (node.generation !== generation) return `${name} has generation ${node.generation}, not ${generation}`;
    if (node.phase !== 'READY' || node.observedGeneration !== generation) return `${name} is ${node.phase} at generation ${node.observedGeneration}`;
    if (node.targets.map((target) => target.version.number).join() !== String(version)) return `${name} has another version as its target`;
    const ready = node.replicas.nodes.filter(({ state, pid }) => state === 'READY' && pid !== killed?.pid);
    const running = node.replicas.nodes.filter(({ state }) => !['STOPPED', 'FAILED'].includes(state));
    if (ready.length !== replicas || running.length !== replicas) return `${name} has ${ready.length} READY replicas of ${replicas}, ${running.length} in all`;
  }
  return undefined;
}
