/**
 * Finds out whose fault a failed inference is: the request's, or that of a runtime that must not be used any more. A trap is always the
 * runtime's. After any other error the sample that made the replica READY is sent again: where it is answered, the request was at fault.
 */
import { trapMessage } from '../contract.js';
import { messageOf, reasonOf } from './error-message.js';
import type { WarmModel } from './model-session.js';

export class SelfCheck {
  private underWay: Promise<unknown> | undefined;

  /** Why the runtime must not be used any more; undefined where it still works. */
  async brokenBecause({ model, inputs }: WarmModel, error: unknown): Promise<string | undefined> {
    if (trapMessage(error) !== undefined) return reasonOf(error);
    // Requests that fail at a time share a check: it costs no more than one request.
    this.underWay ??= model
      .infer(inputs, undefined, new AbortController().signal)
      .then(
        () => undefined,
        (failure: unknown) => ({ failure }),
      )
      .finally(() => (this.underWay = undefined));
    const failed = (await this.underWay) as { failure: unknown } | undefined;
    return failed && `the runtime failed (${messageOf(error)}) and does not answer its sample any more: ${reasonOf(failed.failure)}`;
  }
}
