import { randomInt } from 'node:crypto';

/**
 * A loopback address that no other test listens on or calls from. What runs beside a test takes ports of 127.0.0.1 all the time, also
 * the one that a server has just let go of: here it is refused as long as nobody listens, and free for the server that comes back to it.
 */
export const ownLoopback = (): string =>
  // Elsewhere than on Linux a machine has the one address only.
  process.platform === 'linux' ? `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}` : '127.0.0.1';
