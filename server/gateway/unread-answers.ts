/**
 * Answers that callers have not read yet, over HTTP and gRPC together. Callers share the room for them: where there is none for one more,
 * a caller that holds more gives up the answer that has been unread for longest, and its connection or call ends.
 */
import { GatewayError } from './gateway-error.js';
import type { HeldBytes } from './held-bytes.js';
import { greediest } from './reception-rules.js';

interface Unread {
  readonly release: () => void;
  readonly giveUp: () => void;
}

interface Account {
  bytes: number;
  /** The oldest first. */
  readonly answers: Set<Unread>;
}

export class UnreadAnswers {
  private readonly accounts = new Map<string, Account>();

  constructor(private readonly held: HeldBytes) {}

  /** @param caller the token's hash; `''` where there is none. @throws GatewayError UNAVAILABLE where no caller holds more than this one would */
  makeRoom(caller: string, bytes: number): void {
    while (!this.held.hasRoom('answers', bytes)) {
      const most = greediest(this.accounts.values());
      const own = this.accounts.get(caller);
      if (!most || most === own || most.bytes <= (own?.bytes ?? 0) + bytes) {
        throw new GatewayError('UNAVAILABLE', `no room for the answer: ${this.held.fullBecause('answers')}; retry after 1 s`, 1);
      }
      const [oldest] = most.answers;
      oldest!.release();
      oldest!.giveUp();
    }
  }

  /** @param giveUp ends what the answer goes over. @returns a function that is called when it was read, or never will be */
  hold(caller: string, bytes: number, giveUp: () => void): () => void {
    const letGo = this.held.hold('answers', bytes);
    let account = this.accounts.get(caller);
    if (!account) this.accounts.set(caller, (account = { bytes: 0, answers: new Set() }));
    const { answers } = account;
    const release = (): void => {
      if (!answers.delete(unread)) return;
      letGo();
      account.bytes -= bytes;
      if (answers.size === 0 && this.accounts.get(caller) === account) this.accounts.delete(caller);
    };
    const unread: Unread = { release, giveUp };
    answers.add(unread);
    account.bytes += bytes;
    return release;
  }
}
