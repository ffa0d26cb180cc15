/** Copies of requests for a deployment's shadows: never in a caller's way, and their answers are only compared. */
import type { InferRequest } from '../../../runtimes/open-inference/message.js';
import { agrees } from '../../metering/agreement.js';
import { GatewayError } from '../gateway-error.js';
import type { HeldBytes } from '../held-bytes.js';
import type { TargetMeter } from '../metering/meter.js';
import type { Answer } from './answer.js';
import { Call } from './call.js';
import { readAlike, readFor } from './reading.js';
import type { Deployment, Target } from './router.js';

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
    copy(deployment, shadow, primary, call, request, answer, now());
  }
}

function copy(
  { route: { timeoutMs }, shadowBudget }: Deployment,
  { route, dispatcher, meter }: Target,
  primary: Target,
  { context, decode }: Call,
  request: InferRequest,
  answer: Promise<Answer>,
  now: number,
): void {
  // What could only wait would be no measure of the version.
  if (!dispatcher.available || !dispatcher.hasRoom) return meter.shadowDropped(1);
  let own: InferRequest;
  try {
    const alike = readAlike(route.signature.inputs, primary.route.signature.inputs);
    own = readFor(route, alike || !decode ? () => request : decode);
  } catch (error) {
    // A long text that was read elsewhere, for the primary, is not read again.
    return error instanceof GatewayError && error.kind !== 'INVALID' ? meter.shadowDropped(1) : meter.reject(now, 'INVALID');
  }
  // A call of its own: the caller's leaving or its deadline are nothing to a copy. With the version, it is never sent to another target.
  const call = new Call(now, context);
  call.decode = decode;
  const comparison = new Comparison(meter, shadowBudget.held, () => call.cancel());
  const copied = dispatcher.submit(call, own, timeoutMs, route.versionNumber);
  // The one's failure is the caller's to hear, the other's is counted at the shadow.
  const failed = () => comparison.end();
  answer.then((given) => comparison.add('primary', given), failed);
  copied.then((given) => comparison.add('shadow', given), failed);
}

/** Compares the two answers. The first one is held until the other comes; where there is no room for it, the comparison is dropped. */
class Comparison {
  private readonly answers: Partial<Record<'primary' | 'shadow', Answer>> = {};
  private release: (() => void) | undefined;
  private over = false;

  /** @param giveUp ends the copy */
  constructor(
    private readonly meter: TargetMeter,
    private readonly held: HeldBytes,
    private readonly giveUp: () => void,
  ) {}

  add(whose: 'primary' | 'shadow', answer: Answer): void {
    if (this.over) return;
    this.answers[whose] = answer;
    const { primary, shadow } = this.answers;
    if (primary && shadow) {
      if (agrees(primary.response.outputs, shadow.response.outputs)) this.meter.shadowAgreed(1);
      else this.meter.shadowDisagreed(1);
      this.end();
    } else if (this.held.hasRoom('shadowCopies', answer.responseBytes)) {
      this.release = this.held.hold('shadowCopies', answer.responseBytes);
    } else {
      this.end();
      this.meter.shadowDropped(1);
      this.giveUp();
    }
  }

  end(): void {
    this.over = true;
    this.answers.primary = this.answers.shadow = undefined;
    this.release?.();
  }
}
