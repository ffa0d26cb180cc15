/** One HTTP exchange with Pilothouse, its failures told apart. */
import { codeOf, PilothouseError, type PilothouseErrorCode } from './errors.js';

export interface Exchange {
  readonly url: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Blob | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/** @throws PilothouseError UNAVAILABLE when there is no answer; the signal's reason when the caller gave up */
export async function exchange({ url, method, token, headers, body, signal }: Exchange): Promise<Response> {
  const streamed = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array) && !(body instanceof Blob);
  const send = (): Promise<Response> =>
    fetch(url, {
      method,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { body: body as RequestInit['body'] }),
      ...(streamed && { duplex: 'half' }),
      ...(signal && { signal }),
    } as RequestInit);
  return reached(`${method} ${url}`, signal, send);
}

/** What `send` answers. @throws PilothouseError UNAVAILABLE when there is no answer; the signal's reason when the caller gave up */
export async function reached<T>(what: string, signal: AbortSignal | undefined, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (cause) {
    signal?.throwIfAborted();
    throw new PilothouseError('UNAVAILABLE', `${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** The body of an answer. @throws PilothouseError UNAVAILABLE where it breaks off */
export async function readText(response: Response, what: string): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    throw new PilothouseError('UNAVAILABLE', `${what}: the answer broke off: ${reasonOf(cause)}`, { cause });
  }
}

/** fetch says "fetch failed", and why in its cause. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}

const CODES: Readonly<Record<number, PilothouseErrorCode>> = {
  400: 'INVALID',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'CONFLICT',
  413: 'LIMIT_EXCEEDED',
  422: 'INVALID',
  429: 'UNAVAILABLE',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** An answer that is not a success as an exception: the message of its `{"error": …}` body, or of an `{"errors": […]}`, or its status. */
export async function fromResponse(response: Response, what: string): Promise<PilothouseError> {
  const text = await response.text().catch(() => '');
  const body = parse(text);
  const code = codeOf(body?.code) ?? CODES[response.status] ?? (response.status >= 500 ? 'INTERNAL' : 'INVALID');
  const seconds = Number(response.headers.get('retry-after'));
  const retryAfterMs = response.headers.has('retry-after') && Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {};
  return new PilothouseError(code, `${what}: ${body?.message ?? (text.slice(0, 500) || `status ${response.status}`)}`, {
    status: response.status,
    ...retryAfterMs,
    ...(body?.id !== undefined && { errorId: body.id }),
  });
}

function parse(text: string): { code?: string; message: string; id?: string } | undefined {
  try {
    const { error, code, message } = JSON.parse(text) as { error?: unknown; code?: unknown; message?: unknown };
    const nested =
      typeof error === 'object' && error !== null
        ? (error as { code?: unknown; message?: unknown; id?: unknown })
        : { code, message: typeof error === 'string' ? error : message, id: undefined };
    if (typeof nested.message !== 'string') return undefined;
    return { message: nested.message, ...(typeof nested.code === 'string' && { code: nested.code }), ...(typeof nested.id === 'string' && { id: nested.id }) };
  } catch {
    return undefined;
  }
}
