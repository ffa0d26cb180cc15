/**
 * How many operations are being answered at one time, for each token and for each connection. An answer is held in memory until its
 * peer has taken it, so a caller that asks for more than this at once is refused.
 */
import type { GraphQLError } from 'graphql';
import { limitExceeded, type Limits } from './limits.js';

export class AnswersUnderWay {
  private readonly byToken = new Map<string, number>();
  private readonly byConnection = new Map<object, number>();

  constructor(private readonly limits: Pick<Limits, 'answersPerToken' | 'answersPerConnection'>) {}

  /**
   * Why another one is refused; undefined where it may begin.
   * @param connection whose answers are counted too; a WebSocket counts its own
   */
  refusal(tokenId: string, connection?: object): GraphQLError | undefined {
    const { answersPerToken, answersPerConnection } = this.limits;
    if (connection && (this.byConnection.get(connection) ?? 0) >= answersPerConnection) {
      return limitExceeded(
        'answersPerConnection',
        `this connection has ${answersPerConnection} operations under way, which is the limit; read their answers, or open another connection`,
      );
    }
    if ((this.byToken.get(tokenId) ?? 0) < answersPerToken) return undefined;
    return limitExceeded('answersPerToken', `this token has ${answersPerToken} operations under way, which is the limit; read their answers first`);
  }

  /** @returns ends it; calling that again changes nothing */
  begin(tokenId: string, connection?: object): () => void {
    add(this.byToken, tokenId, 1);
    if (connection) add(this.byConnection, connection, 1);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      add(this.byToken, tokenId, -1);
      if (connection) add(this.byConnection, connection, -1);
    };
  }
}

function add<Key>(counts: Map<Key, number>, key: Key, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
