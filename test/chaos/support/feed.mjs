/** Follows the whole event feed by its cursors, over every broken connection, and counts what is missing or comes twice. */
import { WebSocket } from 'ws';
import { importSource } from '../../bench/support/sources.mjs';
import { until } from '../../bench/support/processes.mjs';

const QUERY = 'subscription ($after: String) { eventFeed(after: $after) { cursor } }';
const PATIENCE_MS = 120_000;

/** Place in the feed, from 1, without gaps (docs/decisions/0002-event-feed.md). */
const positionOf = (cursor) => Number(Buffer.from(cursor, 'base64url').toString('utf8').split(':')[1]);

/** @param {{ control: string, token: string, after: string }} options `after`: the cursor to begin behind */
export async function followFeed({ control, token, after }) {
  const { Subscriptions } = await importSource('clients/typescript/src/subscription.ts');
  const subscriptions = new Subscriptions(control, token, WebSocket);
  const ending = new AbortController();
  const told = { events: 0, gaps: 0, repeated: 0, last: positionOf(after), failure: undefined };
  const read = ({ eventFeed: { cursor } }) => ({ cursor, value: positionOf(cursor) });
  const following = (async () => {
    const source = (cursor) => ({ query: QUERY, variables: { after: cursor } });
    for await (const position of subscriptions.follow(source, read, { after, signal: ending.signal, patienceMs: PATIENCE_MS })) {
      told.events++;
      if (position <= told.last) told.repeated++;
      else told.gaps += position - told.last - 1;
      told.last = Math.max(told.last, position);
    }
  })().catch((error) => (told.failure = error.message));
  return {
    told,
    /** Waits until it has come as far as the feed is. */
    reach: (position) => until(() => told.failure !== undefined || told.last >= position, `event ${position}; the last one is ${told.last}`),
    stop: async () => {
      ending.abort();
      await following;
      await subscriptions.close();
    },
  };
}
