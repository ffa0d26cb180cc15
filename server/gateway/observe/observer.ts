/** Who is told of every request that ended: the access log, traces, the counters of `/metrics`. */
import type { FailureKind } from '../gateway-error.js';
import type { Timing } from '../dispatch/answer.js';
import type { Call } from '../dispatch/call.js';

export interface RequestOutcome {
  readonly call: Call;
  /** The deployment's name as it was asked for. */
  readonly model: string;
  /** The version that answered; undefined where none did. */
  readonly version: number | undefined;
  /** By the gateway's clock. */
  readonly endedAt: number;
  /** undefined for an answered request; INTERNAL is a fault of ours. */
  readonly failure: FailureKind | 'INTERNAL' | undefined;
  /** undefined where no replica answered. */
  readonly timing: Timing | undefined;
  /** Bytes of the answer's tensors (`tensor-bytes.ts`); 0 where no replica answered. `call.context.requestBytes` has those of the request. */
  readonly responseBytes: number;
}

/** Called once a request, on its path: it must be quick and never throw. */
export type RequestObserver = (outcome: RequestOutcome) => void;
