/** One deployment, for `show`. */
import type { DeploymentDetailFragment } from '../../typescript/src/generated/operations.js';
import { bytes, time } from '../output.js';
import { targetsText } from '../references.js';
import type { Session } from '../session.js';

export function showDeployment({ output }: Session, deployment: DeploymentDetailFragment): void {
  const { replicas: page, ...rest } = deployment;
  const replicas = page.nodes;
  const running = replicas.filter(({ state }) => state !== 'STOPPED' && state !== 'FAILED');
  output.result({ ...rest, replicas }, () => {
    const { spec, scalingPolicy: policy } = deployment;
    const wanted = deployment.scaledReplicas ?? spec.replicas;
    output.facts([
      ['deployment', deployment.name],
      ['project', deployment.project.name],
      ['endpoint', `/v2/models/${deployment.endpoint}`],
      ['state', deployment.phase],
      ['serves', targetsText(deployment.targets)],
      ['replicas', `${running.filter(({ state }) => state === 'READY').length} of ${wanted} ready`],
      ['scaling', policy && `${policy.minReplicas} to ${policy.maxReplicas} replicas, ${policy.targetInFlight} requests in flight each`],
      ['generation', deployment.generation],
      ...deployment.conditions.map(({ type, status, message }): [string, string] => [type, [status, message].filter(Boolean).join(': ')]),
      ['batching', deployment.targets[0]?.batching.reason],
      [
        'limits',
        `${spec.timeoutMs} ms a request, ${spec.maxConcurrency} at a time, ${spec.maxQueue} waiting${spec.memoryLimitBytes ? `, ${bytes(spec.memoryLimitBytes)}` : ''}`,
      ],
      ['changed', time(deployment.updatedAt)],
    ]);
    output.line('');
    output.table(
      ['REPLICA', 'STATE', 'VERSION', 'BACKEND', 'PID', 'READY SINCE', 'REASON'],
      running.map((each) => [each.id, each.state, each.version.number, each.backend, each.pid, time(each.readyAt), each.reason]),
      'no replica runs',
    );
  });
}
