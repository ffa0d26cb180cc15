/** State questions about replicas, each asked in one place. */
import type { ReplicaState } from './deployment.entities.js';

/** It counts towards what is wanted: it serves, or is on its way to. */
export const isActive = (state: ReplicaState): boolean => state === 'PENDING' || state === 'STARTING' || state === 'LOADING' || state === 'READY';

/** Nothing will ever happen to it again. */
export const isFinal = (state: ReplicaState): boolean => state === 'STOPPED' || state === 'FAILED';

/** It has a process, or may have one. */
export const hasProcess = (state: ReplicaState): boolean => state !== 'PENDING' && !isFinal(state);

/** How far along it is; a smaller number is nearer to serving. */
export const distanceToServing = (state: ReplicaState): number => ['READY', 'LOADING', 'STARTING', 'PENDING'].indexOf(state);
