/** A process of its own that sends bodies: so that what is measured is not slowed down by what attacks it. */
import { sendHonestly } from './honest-sender.mjs';
import { sendBodies } from './slow-bodies.mjs';

const SENDERS = 8;
const BYTES = 64 * 1024 ** 2;
const { gateway, attacker, honest, seconds } = JSON.parse(process.argv[2]);
const until = performance.now() + seconds * 1_000;
const unfinished = { begun: 0 };
const [told] = await Promise.all([
  sendHonestly({ gateway, authorization: honest, until, atOnce: 1 }),
  sendBodies({ url: `${gateway}/v2/models/digits/infer`, authorization: attacker, senders: SENDERS, bytes: BYTES, until, facts: unfinished }),
]);
process.send({ unfinished, honest: told }, () => process.exit());
