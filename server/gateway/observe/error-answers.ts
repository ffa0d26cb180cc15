/**
 * Answers that were errors, by protocol and status: of every request, also of one that named no model, had no token or was no HTTP. The
 * targets' own counters have only what reached them.
 */
import { labelText, sample, type MetricFamily } from './exposition.js';

const NAME = 'pilothouse_gateway_error_responses_total';

export class ErrorAnswers {
  private readonly counts = new Map<string, number>();

  /** @param code an HTTP status, or the name of a gRPC one */
  count(protocol: 'http' | 'grpc', code: string): void {
    const labels = labelText({ protocol, code });
    this.counts.set(labels, (this.counts.get(labels) ?? 0) + 1);
  }

  /** @param worker which of the gateway's processes answered */
  family(worker: string): MetricFamily {
    return {
      name: NAME,
      type: 'counter',
      help: 'Error answers by status. Cancelled requests get no answer and are not counted.',
      samples: [...this.counts].map(([labels, count]) => sample(NAME, `${labels},${labelText({ worker })}`, count)),
    };
  }
}
