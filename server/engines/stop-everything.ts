/** What `pilothouse stop` ends when the server that started it was killed: replicas and gateway, with their sockets and folders. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { endLaunch, listLaunches } from './gateway-launch.js';
import { killIdentity } from './process-identity.js';
import { endProcesses } from './replica-end.js';
import { listReplicas, ReplicaFolder, replicasFolder, sweepAside } from './replica-folder.js';
import { removeSocketFolder } from './socket-folder.js';

export interface Stopped {
  readonly replicas: number;
  readonly gateways: number;
}

/**
 * Ends the gateway and the replicas of this home, each by its identity, and removes what only they needed. Idempotent. The
 * server must be gone before: it would start them again.
 * @param graceMs how long requests that are under way may take before they are cut off.
 */
export async function stopEverythingUnder(home: string, graceMs = 10_000): Promise<Stopped> {
  const launches = listLaunches(home);
  // The gateway first: it still needs the replicas for what it has taken on.
  await Promise.all(launches.map((launch) => endLaunch(launch, graceMs)));
  const ids = listReplicas(home);
  const deadline = performance.now() + graceMs;
  await Promise.all(
    ids.map(async (id) => {
      const folder = new ReplicaFolder(home, id);
      await endProcesses(
        folder,
        () => deadline,
        async (process) => void killIdentity(process, 'SIGTERM'),
      );
      const socket = folder.readSpec()?.socketPath;
      if (socket !== undefined) rmSync(socket, { force: true });
      folder.remove();
    }),
  );
  sweepAside(home);
  removeSocketFolder(home);
  for (const folder of [replicasFolder(home), join(home, 'run', 'versions'), join(home, 'run', 'epoch'), join(home, 'run', 'gateway')]) {
    rmSync(folder, { recursive: true, force: true });
  }
  return { replicas: ids.length, gateways: launches.length };
}
