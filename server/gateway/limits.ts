/** The gateway's fixed limits, in one place. */
import { MAX_ANSWER_BYTES } from '../../runtimes/open-inference/frame.js';

/** A request's body, tensors of 64 MiB and the JSON around them. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024 + 64 * 1024;
/** Memory of requests that are being received, over HTTP and gRPC; beyond it a request of the caller that holds the most ends. */
export const MAX_RECEIVING_BYTES = 200 * 1024 * 1024;
/** A request that comes at fewer bytes per second for so long ends. */
export const RECEPTION_MIN_RATE = 16 * 1024;
export const RECEPTION_SLOW_MS = 10_000;
/** Memory of what waits: requests, texts, shadow copies and unread answers together (`held-bytes.ts`). */
export const MAX_HELD_BYTES = 192 * 1024 * 1024;
/** One message on a replica's socket. Answers may be larger than what asked for them; a replica gives none that is longer than this. */
export const MAX_FRAME_BYTES = MAX_ANSWER_BYTES;
/** Text of tensors takes up to a second a megabyte to read: up to here it is read between other requests, beyond it in another process. */
export const MAX_TEXT_READ_HERE = 64 * 1024;
/** The same for elements of an answer that become text. */
export const MAX_ELEMENTS_WRITTEN_HERE = 16 * 1024;
/** What is longer still takes seconds, and has a process of its own, so that what is merely long does not wait for it. */
export const MAX_TEXT_READ_SOON = 16 * MAX_TEXT_READ_HERE;
export const MAX_ELEMENTS_WRITTEN_SOON = 16 * MAX_ELEMENTS_WRITTEN_HERE;
/** Such a process: how long one text may take, how much memory, and how many wait. */
export const TEXT_LIMIT_MS = 20_000;
/** How long the process may go on with a text that no caller waits for any more: starting another one takes about as long. */
export const TEXT_RESTART_MS = 500;
export const TEXT_HEAP_MB = 1_024;
export const MAX_TEXTS_WAITING = 64;
/** An answer as text, which is also what one string of the engine's can hold; with room for what goes before it in the frame. */
export const MAX_TEXT_BYTES = MAX_FRAME_BYTES - 64 * 1024;
/** What a text may say beside its tensors' elements (names, parameters, requested outputs): the gateway's thread reads that. */
export const MAX_TEXT_HEADER_BYTES = 1024 * 1024;
/** It ends when it had nothing to do for this long, and with it goes its memory. */
export const TEXT_IDLE_MS = 30_000;
/** Request line and headers together. */
export const MAX_HEADER_BYTES = 16 * 1024;
/** Of one port, whatever the limit on open files allows. */
export const MAX_CONNECTIONS = 16_384;
/** From the first byte of a request to the end of its headers. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** From the first byte of a request to its last. */
export const REQUEST_TIMEOUT_MS = 120_000;
/** From an answer's last byte written to its last byte taken by the caller. */
export const ANSWER_TIMEOUT_MS = 120_000;
/** Longer than the usual load balancer keeps its side, so that the other side closes first. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Tensors of one merged message; a request that is larger goes alone. */
export const MAX_BATCH_BYTES = 64 * 1024 * 1024;

/** The longest deadline a caller may ask for. */
export const MAX_TIMEOUT_MS = 3_600_000;

/** How long a route table waits for its new replicas before it is swapped in without them. */
export const CONNECT_BEFORE_SWAP_MS = 1_000;
/** How long a connection and its handshake may take. */
export const CONNECT_TIMEOUT_MS = 1_000;
/** Between attempts to reach a replica: the first at once, then growing. */
export const RECONNECT_MIN_MS = 20;
export const RECONNECT_MAX_MS = 1_000;

/** A replica that failed this often in a row gets nothing more for a while, as long as another serves. */
export const EJECT_AFTER_FAILURES = 5;
/** A replica that is silent for longer than this, and than ten times what its target usually takes, is taken for hung. */
export const EJECT_SILENT_MS = 2_000;
/** How often silent replicas are looked for. */
export const EJECT_CHECK_MS = 250;
/** From an ejection to the first probe; it doubles with each that fails. */
export const PROBE_MIN_MS = 1_000;
export const PROBE_MAX_MS = 30_000;
/** A replica that served this long since it was probed back begins anew. */
export const PROBE_FORGET_MS = 60_000;

/** How long idle connections are kept while draining, so that what a client has just sent is still answered: closing them at once reset 16 of 45,700 requests. */
export const DRAIN_IDLE_MS = 3_000;
/** Requests still under way after this are given up. */
export const DRAIN_LIMIT_MS = 60_000;

export const HEARTBEAT_MS = 1_000;
/** Every route table is looked at this often even without a wake-up. */
export const POLL_MS = 2_000;

export const METER_FLUSH_MS = 1_000;
/** What the meter may hold while PostgreSQL is away; beyond it windows are merged. */
export const MAX_METER_BYTES = 8 * 1024 * 1024;
