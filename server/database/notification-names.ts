/** Names for LISTEN and NOTIFY. A notification is empty: it wakes, and the listener reads the state. */
export const NOTIFICATION = {
  /** The route table, or the set of valid tokens, changed. */
  ROUTES: 'pilothouse_routes',
  /** A gateway acknowledged a route table or its in-flight counts fell to zero. */
  GATEWAYS: 'pilothouse_gateways',
  /** Events got their positions. */
  EVENTS: 'pilothouse_events',
  /** A transaction committed events that have no position yet: the sequencer's wake-up. */
  UNSEQUENCED: 'pilothouse_unsequenced',
  /** A deployment is to be reconciled. */
  RECONCILE: 'pilothouse_reconcile',
} as const;
