/** A process of its own that keeps a number of connections to the control port open, for some seconds. What is closed is opened again. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const { control, connections, seconds } = JSON.parse(process.argv[2]);
const { hostname, port } = new URL(control);
const REQUESTS = [
  '',
  'POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nobody\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{',
  'GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
];
/** Connections that are begun in one turn. */
const AT_ONCE = 50;

const open = new Set();
const told = { opened: 0, closed: 0 };
const end = performance.now() + seconds * 1_000;
let begun = 0;
for (let i = 0; performance.now() < end; i++) {
  for (let n = 0; n < AT_ONCE && open.size + begun < connections; n++) begin(REQUESTS[(i + n) % REQUESTS.length]);
  await delay(10);
}
process.send(told);

function begin(request) {
  begun++;
  let connected = false;
  const socket = connect(Number(port), hostname, () => {
    begun--;
    connected = true;
    open.add(socket);
    told.opened++;
    socket.write(request);
  });
  socket.on('error', () => undefined).resume();
  socket.once('close', () => {
    if (!connected) begun--;
    else if (open.delete(socket)) told.closed++;
  });
}
