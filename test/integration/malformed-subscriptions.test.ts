/** GraphQL over a WebSocket that is malformed, or asks for too much. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { startTestApi, type TestApi } from '../support/api.js';
import { deep, aliases, manyDirectives, expensive, deepOperation } from '../support/hostile-operations.js';
import { RefusingApi, type Refusal } from '../support/refused-requests.js';

const refusing = new RefusingApi();
/** Waits for `connection_init` hardly at all. Others must not be late, so they have an API of their own. */
let hasty: TestApi;
beforeAll(async () => {
  hasty = await startTestApi({ limits: { connectionInitMs: 300 } });
});
afterAll(() => hasty.close());

const subscribe = (query: unknown, variables?: object, id = '1'): object => ({ type: 'subscribe', id, payload: { query, variables } });
const over = (query: string, variables?: object): Promise<Refusal> => refusing.socket([subscribe(query, variables)]);

refusing.refuses([
  { name: 'another protocol', send: () => refusing.socket([], { protocol: 'graphql-ws' }), status: 1006, code: '1006', message: /^$/ },
  { name: 'nothing is sent', send: () => refusing.socket([], { raw: true, to: hasty }), status: 4408, code: '4408', message: /timeout/ },
  {
    name: 'connection_init without a token',
    send: () => refusing.socket([{ type: 'connection_init' }], { raw: true }),
    status: 4401,
    code: '4401',
    message: /^UNAUTHENTICATED: no bearer token/,
  },
  {
    name: 'subscribe before connection_init',
    send: () => refusing.socket([subscribe('{ refusal }')], { raw: true }),
    status: 4401,
    code: '4401',
    message: /Unauthorized/,
  },
  {
    name: 'connection_init twice',
    send: () => refusing.socket([{ type: 'connection_init' }]),
    status: 4429,
    code: '4429',
    message: /Too many initialisation requests/,
  },
  { name: 'no JSON', send: () => refusing.socket(['{']), status: 4400, code: '4400', message: /Invalid message/ },
  ...[
    'subscription ($s: Boolean!) { probeEvents(subject: "x") @skip(if: $s) { cursor } }',
    'subscription ($s: Boolean!) { ... @include(if: $s) { probeEvents(subject: "x") { cursor } } }',
    'subscription ($s: Boolean!) { ...F } fragment F on Subscription { probeEvents(subject: "x") @skip(if: $s) { cursor } }',
  ].map((query, i) => ({
    name: `a subscription whose field may be left out (${i})`,
    send: () => over(query, { s: i !== 1 }),
    status: 0,
    code: 'GRAPHQL_VALIDATION_FAILED',
    message: /the field of a subscription must always be selected; remove "@(skip|include)"/,
  })),
  {
    name: 'an unknown type',
    send: () => refusing.socket([{ type: 'start', id: '1', payload: { query: '{ refusal }' } }]),
    status: 4400,
    code: '4400',
    message: /Invalid message/,
  },
  { name: 'subscribe without a query', send: () => refusing.socket([subscribe(undefined)]), status: 4400, code: '4400', message: /Invalid message/ },
  { name: 'random bytes', send: () => refusing.socket([createHash('sha256').update('x').digest()]), status: 4400, code: '4400', message: /Invalid message/ },
  {
    name: 'a message over 1 MiB',
    send: () => refusing.socket([subscribe('{ refusal }', { filler: 'x'.repeat(1024 ** 2) })]),
    status: 1009,
    code: '1009',
    message: /^$/,
  },
  {
    name: 'one id twice',
    send: () => refusing.socket([subscribe('subscription { eventFeed { cursor } }'), subscribe('subscription { eventFeed { cursor } }')]),
    status: 4409,
    code: '4409',
    message: /already exists/,
  },
  { name: 'a syntax error', send: () => over('subscription {'), status: 0, code: 'GRAPHQL_PARSE_FAILED', message: /Syntax Error/ },
  {
    name: 'an unknown field',
    send: () => over('subscription { nothing }'),
    status: 0,
    code: 'GRAPHQL_VALIDATION_FAILED',
    message: /Cannot query field/,
  },
  { name: 'a query too deep', send: () => over(deep), status: 0, code: 'LIMIT_EXCEEDED', message: /levels of nested fields/ },
  { name: 'too many aliases', send: () => over(aliases), status: 0, code: 'LIMIT_EXCEEDED', message: /aliases/ },
  { name: '5,000 unknown directives', send: () => over(manyDirectives), status: 0, code: 'LIMIT_EXCEEDED', message: /tokens/ },
  { name: 'a query too expensive', send: () => over(expensive), status: 0, code: 'LIMIT_EXCEEDED', message: /may return/ },
  {
    name: 'a subscription with too many directives',
    send: () => over('subscription { eventFeed { cursor ' + '@skip(if: false) '.repeat(60) + '} }'),
    status: 0,
    code: 'LIMIT_EXCEEDED',
    message: /60 directives/,
  },
  {
    name: 'variables too deep',
    send: () => refusing.socket([`{"type":"subscribe","id":"1","payload":${deepOperation}}`]),
    status: 0,
    code: 'LIMIT_EXCEEDED',
    message: /more than 32 levels of nested arrays and objects/,
  },
  {
    name: 'a variable of the wrong type',
    send: () => over('subscription ($after: String) { eventFeed(after: $after) { cursor } }', { after: 7 }),
    status: 0,
    code: 'BAD_USER_INPUT',
    message: /String cannot represent/,
  },
  {
    name: 'too many subscriptions on one connection',
    send: () => refusing.socket(['1', '2', '3', '4'].map((id) => subscribe('subscription { eventFeed { cursor } }', undefined, id))),
    status: 0,
    code: 'LIMIT_EXCEEDED',
    message: /has 3 operations under way/,
  },
]);
