/** Requests hidden in what belongs to another one, garbage after an offer, and web pages that pretend to be of this machine. */
import { connect } from 'node:net';
import { INFERENCE } from '../support/program.mjs';
import { underAttack } from '../support/under-attack.mjs';

export const name = 'smuggling';
export const point = 6;

const HIDDEN = `POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${INFERENCE.length}\r\n\r\n${INFERENCE}`;
const CONNECT = `CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`;
const OFFER = 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\x00\x01garbage\r\n\r\n';
const page = (path, headers) => `GET ${path} HTTP/1.1\r\nConnection: close\r\n${headers}\r\n\r\n`;
const OTHER_HOST = 'Host: evil.example';
const OTHER_ORIGIN = 'Host: localhost\r\nOrigin: http://evil.example';

/** Each with what the server must say: statuses in order. */
const CASES = [
  { what: 'a request in the body of CONNECT', door: 'gateway', bytes: CONNECT, right: '404' },
  { what: 'a request in the body of CONNECT', door: 'control', bytes: CONNECT, right: '' },
  { what: 'garbage after an offer', door: 'gateway', bytes: OFFER, right: '200 400' },
  { what: 'another Host', door: 'gateway', bytes: page('/v2/models/digits', OTHER_HOST), right: '403' },
  { what: 'another Origin', door: 'gateway', bytes: page('/v2/models/digits', OTHER_ORIGIN), right: '403' },
  { what: 'another Host', door: 'control', bytes: page('/metrics', OTHER_HOST), right: '403' },
  { what: 'another Origin', door: 'control', bytes: page('/metrics', OTHER_ORIGIN), right: '403' },
];

export const run = ({ short, root }) =>
  underAttack({
    short,
    root,
    environment: { PILOTHOUSE_GATEWAY_AUTH: 'off' },
    attack: async (program) => {
      const wrong = new Set();
      const end = performance.now() + (short ? 0 : 20_000);
      let tries = 0;
      do {
        for (const { what, door, bytes, right } of CASES) {
          tries++;
          const statuses = await answersOf(program[door], bytes);
          if (statuses !== right) wrong.add(`${what} (${door}): answered ${statuses || 'nothing'}, not ${right || 'nothing'}`);
        }
      } while (performance.now() < end);
      return { facts: { tries }, broken: [...wrong] };
    },
  });

/** The statuses that come until the other side closes; it has 15 s. */
function answersOf(url, bytes) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    const late = setTimeout(() => socket.destroy(), 15_000);
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearTimeout(late);
      resolve([...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status).join(' '));
    });
  });
}
