/** How requests fail, as the meter counts them. */

/** Kinds of failed requests that a window counts: the keys of `metric_window.errors`. `gateway-error.ts` says when each happens. */
export const ERROR_KINDS = ['INVALID', 'CANCELLED', 'OVERLOADED', 'DEADLINE_EXCEEDED', 'UNAVAILABLE', 'RUNTIME_FAILED', 'REPLICA_LOST'] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** Failures that are not the caller's doing: what an error rate counts. INVALID is the caller's mistake, CANCELLED its choice. */
export const SERVER_ERROR_KINDS = ['OVERLOADED', 'DEADLINE_EXCEEDED', 'UNAVAILABLE', 'RUNTIME_FAILED', 'REPLICA_LOST'] as const satisfies readonly ErrorKind[];
