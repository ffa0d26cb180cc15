/** Waiting for a change of a deployment, with a live line. */
import type { DeploymentChange } from '../typescript/src/client.js';
import type { DeploymentEventFieldsFragment as DeploymentEvent, DeploymentFieldsFragment as Deployment } from '../typescript/src/generated/operations.js';
import type { Session } from './session.js';

/** What is certain once the server has answered. */
export const confirmed = ({ deployment }: DeploymentChange): string => `revision ${deployment.generation} of ${deployment.name} was accepted`;

/** Waits until a change of a deployment is carried out, and shows its steps once each. */
export async function waitForChange(session: Session, change: DeploymentChange): Promise<Deployment> {
  const seen = new Set<string>();
  const show = (event: DeploymentEvent): void => {
    if (seen.has(event.cursor)) return;
    seen.add(event.cursor);
    session.output.step(`${change.deployment.name}: ${event.phase} ${event.message}`);
  };
  try {
    const { client } = session;
    return await client.persist((signal) => client.ready(change, { signal, patienceMs: Infinity, onBreak: client.onBreak, seen: show }));
  } finally {
    session.output.endProgress();
  }
}
