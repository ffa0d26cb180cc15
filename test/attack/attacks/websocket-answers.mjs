/** Somebody with a token asks for large answers on WebSockets, 100 operations on each, and reads none of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { underAttack } from '../support/under-attack.mjs';

export const name = 'websocket-answers';
export const point = 1;

const OPERATIONS = 100;
/** A socket with unread answers is closed long before. */
const PATIENCE_MS = 30_000;
const TYPE = '{ name kind ofType { name kind } }';
const SCHEMA = `{ types { name description fields { name description args { name description type ${TYPE} } type ${TYPE} }
  inputFields { name description type ${TYPE} } enumValues { name description } } directives { name args { name type ${TYPE} } } }`;
const aliased = (times) => `{ ${Array.from({ length: times }, (_, i) => `a${i}: __schema ${SCHEMA}`).join(' ')} }`;
/** The largest that is allowed: where introspection counts with what it answers, 40 aliases are refused. */
async function largest({ control, authorization }) {
  const body = JSON.stringify({ query: aliased(40) });
  const { ok } = await fetch(`${control}/graphql`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body });
  return aliased(ok ? 40 : 7);
}

export const run = ({ short, root }) =>
  underAttack({
    short,
    root,
    attack: async (program) => {
      const { control, authorization, failure } = program;
      const query = await largest(program);
      const end = performance.now() + (short ? 6_000 : 20_000);
      const facts = { sockets: 0, operations: 0, closedByServer: 0 };
      const url = `${control.replace('http', 'ws')}/graphql`;
      while (performance.now() < end && !failure()) await attackOnce(url, authorization, query, facts);
      const open = facts.sockets - facts.closedByServer;
      return { facts, broken: open > 0 ? [`${open} of ${facts.sockets} sockets whose answers are not read stayed open for ${PATIENCE_MS / 1000} s`] : [] };
    },
  });

async function attackOnce(url, authorization, query, facts) {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  socket.on('error', () => undefined);
  const opened = await new Promise((resolve) => socket.once('open', () => resolve(true)).once('close', () => resolve(false)));
  if (!opened) return delay(50);
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
  await new Promise((resolve) => socket.once('message', resolve).once('close', resolve));
  facts.sockets++;
  socket.pause();
  let closed = false;
  socket._socket.once('close', () => (closed = true));
  for (let i = 0; i < OPERATIONS && !closed; i++) {
    socket.send(JSON.stringify({ type: 'subscribe', id: String(i), payload: { query } }));
    facts.operations++;
  }
  const patient = performance.now() + PATIENCE_MS;
  while (!closed && performance.now() < patient) {
    // A ping shows whether the connection is still there: nothing is read.
    socket.ping();
    await delay(100);
  }
  if (closed) facts.closedByServer++;
  socket.terminate();
}
