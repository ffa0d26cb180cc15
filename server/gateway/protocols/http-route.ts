/** What a protocol tells the HTTP server of one path. */
import type { Call, Protocol } from '../pending.js';

export interface HttpAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
  /** The number of the version that answered. */
  readonly version?: number;
}

export interface HttpRoute {
  /** GET stands for HEAD too. */
  readonly method: 'GET' | 'POST';
  /** Whether it is answered without a token. */
  readonly open: boolean;
  readonly protocol: Protocol;
  /**
   * @param body of a POST, whole
   * @throws GatewayError; anything else is a fault of ours
   */
  readonly answer: (call: Call, body: Buffer) => HttpAnswer | Promise<HttpAnswer>;
}

/** A path without its query, to its route; undefined for a path that leads nowhere. @throws GatewayError INVALID for a name that cannot be one */
export type HttpRoutes = (path: string) => HttpRoute | undefined;
