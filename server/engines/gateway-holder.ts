/**
 * The holder: a tiny shell loop that has the gateway's listening sockets open, and never accepts on them, so that the ports
 * outlive every gateway process and every server. Connections made while no worker runs wait in the kernel for the next one.
 * It is a shell because it must do nothing but wait: a Node holder that still polled its sockets stole connections.
 */
import { shellText } from './shell-text.js';

/** File in the launch's folder that becomes the worker: its environment, then its command. Read anew for every worker. */
export const WORKER_FILE = 'worker.sh';
/** Each loop but the first, which has the claim, records itself as `loop-<index>`. */
export const loopFile = (index: number): string => `loop-${index}`;

/** Its arguments are described in `shell/gateway-holder.sh`. */
export const HOLDER = shellText('identify', 'claim', 'gateway-holder');
