/** A gateway is stopped (SIGSTOP) for longer than a caller may take for its request, while requests are half sent. It goes on, the rest is sent: all are answered. */
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { signal } from '../../bench/support/processes.mjs';
import { INFERENCE, startProgram } from '../support/program.mjs';

export const name = 'stopped-gateway';
export const point = 11;

/** Headers have 10 s, as has a body that stands still; a whole request has 120 s. */
const STOPPED_MS = { short: 12_000, full: 125_000 };
const ANSWER_MS = 30_000;

export async function run({ short, root }) {
  const program = await startProgram({ root });
  const stoppedMs = short ? STOPPED_MS.short : STOPPED_MS.full;
  const [gateway] = program.pids('gateway');
  const requests = [];
  try {
    // Half a head; the head alone; half a body.
    for (const sent of [20, headOf(program).length, headOf(program).length + INFERENCE.length / 2]) requests.push(await halfSent(program, Math.floor(sent)));
    signal(gateway, 'SIGSTOP');
    await delay(stoppedMs);
    signal(gateway, 'SIGCONT');
    const answers = await Promise.all(requests.map((request) => request.finish()));
    const broken = answers.filter((status) => status !== '200').map((status) => `a half-sent request got ${status} after the gateway had been stopped`);
    const failure = program.failure();
    if (failure) broken.push(`the server: ${failure}`);
    return { facts: { stoppedMs, answers }, broken };
  } finally {
    signal(gateway, 'SIGCONT');
    for (const { socket } of requests) socket.destroy();
    await program.stop();
  }
}

const headOf = ({ gateway, authorization }) => {
  const { host } = new URL(gateway);
  return `POST /v2/models/digits/infer HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${authorization}\r\nContent-Length: ${INFERENCE.length}\r\n\r\n`;
};

/** @param sent how many bytes of the request are sent before the stop */
async function halfSent(program, sent) {
  const { hostname, port } = new URL(program.gateway);
  const message = headOf(program) + INFERENCE;
  const socket = connect(Number(port), hostname);
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  // An answer shows that the gateway has read up to here.
  socket.write(message);
  await once(socket, 'data');
  heard = '';
  await new Promise((resolve) => socket.write(message.slice(0, sent), resolve));
  await delay(200);
  return {
    socket,
    finish: async () => {
      const answered = once(socket, 'data');
      // After the gateway has looked at its connections for the first time.
      await delay(2_000);
      socket.write(message.slice(sent));
      await Promise.race([answered, once(socket, 'close'), delay(ANSWER_MS)]);
      return /^HTTP\/1\.1 (\d+)/.exec(heard)?.[1] ?? 'nothing';
    },
  };
}
