/**
 * Looking at files and processes. Only some errors prove that a thing is not there. Any other one (EMFILE, EACCES, EIO) says
 * that the look failed, so nothing is concluded from it: the caller keeps what it knew and looks again later.
 */

/** What the kernel says of a file or a process that does not exist. ENOTDIR: a part of the path is a file. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ESRCH']);

/** A look that failed: what was looked at may be there or not. */
export class FailedLookError extends Error {
  override readonly name = 'FailedLookError';
  /** Such as EMFILE. */
  readonly code: string;

  constructor(
    readonly what: string,
    cause: unknown,
  ) {
    super(`cannot look at ${what}: ${cause instanceof Error ? cause.message : String(cause)}; it is not known whether it is there`, { cause });
    this.code = codeOf(cause) ?? 'unknown';
  }
}

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** Whether this error proves that what was looked for does not exist. */
export const provesAbsence = (error: unknown): boolean => ABSENT.has(codeOf(error) ?? '');

/** @returns undefined when it is proven to be absent @throws FailedLookError when it could not be looked at */
export function look<T>(what: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (provesAbsence(error)) return undefined;
    throw error instanceof FailedLookError ? error : new FailedLookError(what, error);
  }
}

/** The answer of the look; `otherwise` when it failed, which is reported. */
export function lookOr<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FailedLookError)) throw error;
    failedLooks.note(error);
    return otherwise;
  }
}

/** How long without another failed look until they count as over. */
const OVER_AFTER_MS = 10_000;

/** Reports a row of failed looks twice: when it begins, and when it is over. A log line for each would fill the disk. */
export class FailedLooks {
  private since: number | undefined;
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  /** Where reports go; set once, by the process that has a log. */
  report: (message: string, fields: { readonly err?: Error; readonly failed?: number; readonly ms?: number }) => void = () => undefined;

  constructor(private readonly overAfterMs = OVER_AFTER_MS) {}

  note(error: FailedLookError): void {
    this.count++;
    if (this.since === undefined) {
      this.since = performance.now();
      this.report('cannot look at files or processes: the last known state stays, and the look is repeated', { err: error });
    }
    this.timer ??= setTimeout(() => this.over(), this.overAfterMs).unref();
    this.timer.refresh();
  }

  private over(): void {
    const ms = Math.round(performance.now() - this.since! - this.overAfterMs);
    this.report('files and processes can be looked at again', { failed: this.count, ms });
    [this.since, this.timer, this.count] = [undefined, undefined, 0];
  }
}

export const failedLooks = new FailedLooks();
