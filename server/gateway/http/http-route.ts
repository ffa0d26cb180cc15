/** What a protocol tells the HTTP server of one path. */
import type { RequestPart } from '../../../runtimes/tensor.js';
import type { Call, Protocol } from '../dispatch/call.js';
import type { HttpFailureKind } from '../gateway-error.js';

export interface HttpAnswer {
  readonly status: number;
  /** JSON, unless `contentType` says otherwise; as bytes where it is long. */
  readonly body: string | Buffer;
  readonly contentType?: string;
  /** Tensors' bytes that follow the JSON (the binary tensor extension), to be sent as they are. */
  readonly binary?: readonly Uint8Array[];
  /** The number of the version that answered. */
  readonly version?: number;
}

/** What a caller is told of a request that failed. */
export interface Failure {
  readonly status: number;
  readonly kind: HttpFailureKind;
  readonly message: string;
  /** The part of the request that is wrong, where that is known. */
  readonly part?: RequestPart | undefined;
}

/** A protocol's own shape of an error, as JSON text. */
export type FailureText = (failure: Failure) => string;

export interface HttpRoute {
  /** GET stands for HEAD too. */
  readonly method: 'GET' | 'POST';
  /** Whether it is answered without a token. */
  readonly open: boolean;
  readonly protocol: Protocol;
  /** What it is called in traces, where the protocol has several routes for an inference. */
  readonly path?: string | undefined;
  readonly failureText: FailureText;
  /**
   * @param call its context has the request's headers
   * @param body of a POST, whole and inflated
   * @throws GatewayError; anything else is a fault of ours
   */
  readonly answer: (call: Call, body: Buffer) => HttpAnswer | Promise<HttpAnswer>;
}

/** One protocol, or anything else that has paths of its own. */
export interface HttpProtocol {
  readonly failureText: FailureText;
  /**
   * @param segments of the path, without its leading and trailing slashes, each decoded; at least one
   * @returns undefined for a path that leads nowhere
   * @throws GatewayError INVALID for a name that cannot be one
   */
  readonly route: (segments: readonly string[]) => HttpRoute | undefined;
}

export interface HttpRoutes {
  /** A path without its query, to its route. @throws GatewayError INVALID for a name that cannot be one */
  readonly find: (path: string) => HttpRoute | undefined;
  /** How the protocol that a path belongs to says that something failed. */
  readonly failureText: (path: string) => FailureText;
}

/**
 * The Open Inference Protocol's error, which TensorFlow Serving and KServe V1 have too: `{"error": "…"}`. Beside it, for programs:
 * `kind`, and where it is known `field` and `tensor`.
 */
export const errorText: FailureText = ({ message, kind, part }) => JSON.stringify({ error: message, kind, ...part });

export const json = (status: number, value: unknown): HttpAnswer => ({ status, body: JSON.stringify(value) });

/** Makes a protocol's routes. */
export function routesOf(protocol: Protocol, failureText: FailureText = errorText) {
  return {
    get: (answer: HttpRoute['answer'], open = false): HttpRoute => ({ method: 'GET', open, protocol, failureText, answer }),
    post: (answer: HttpRoute['answer'], path?: string): HttpRoute => ({ method: 'POST', open: false, protocol, path, failureText, answer }),
  };
}
