/** Copies of requests for a deployment's shadows: never in a caller's way, and their answers are only compared. */
import type { InferRequest } from '../../runtimes/open-inference/message.js';
import { agrees } from './agreement.js';
import { Call, type Answer } from './pending.js';
import { assertRequest, type Deployment, type Target } from './router.js';

/**
 * Sends copies of an accepted request to the shadows whose turn it is. Of any run of requests, a shadow gets its percentage, evenly spread.
 * @param answer the primary's; it is compared with the shadow's where both come
 */
export function mirror(deployment: Deployment, primary: Target, call: Call, request: InferRequest, answer: Promise<Answer>, now: () => number): void {
  for (const shadow of deployment.shadows) {
    if (shadow === primary) continue;
    shadow.shadowCredit += shadow.route.shadowPercent;
    if (shadow.shadowCredit < 100) continue;
    shadow.shadowCredit -= 100;
    copy(shadow, deployment.route.timeoutMs, call, request, answer, now());
  }
}

function copy({ route, dispatcher, meter }: Target, timeoutMs: number, { context }: Call, request: InferRequest, answer: Promise<Answer>, now: number): void {
  // What could only wait would be no measure of the version.
  if (!dispatcher.available || !dispatcher.hasRoom) return meter.shadowDropped(1);
  try {
    assertRequest({ route }, request.inputs, request.outputs);
  } catch {
    return meter.reject(now, 'INVALID');
  }
  // A call of its own: the caller's leaving or its deadline are nothing to a copy. With the version, it is never sent to another target.
  const copied = dispatcher.submit(new Call(now, context), request, timeoutMs, route.versionNumber);
  void Promise.all([answer, copied]).then(
    ([{ response: primary }, { response: shadow }]) => {
      if (agrees(primary.outputs, shadow.outputs)) meter.shadowAgreed(1);
      else meter.shadowDisagreed(1);
    },
    // The one's failure is the caller's to hear, the other's is counted at the shadow.
    () => undefined,
  );
  copied.catch(() => undefined);
}
