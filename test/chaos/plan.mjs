/** What a campaign does, decided by its seed alone: the same seed gives the same kills and the same kinds of changes, in the same order. */

/** What a round ends with SIGKILL, or halts with SIGSTOP for a while. A kind that is listed twice is twice as frequent. */
const KILLS = ['server', 'gateway', 'replica', 'postgres', 'gateway', 'backend', 'server', 'replica', 'holder', 'stopped'];
/** What may be halted. */
const STOPPED = ['stopped gateway', 'stopped server', 'stopped replica', 'stopped postgres'];
const CHANGES = ['deploy', 'scale', 'deploy', 'create', 'rollback', 'scale', 'delete', 'version', 'deploy', 'model', 'create', 'delete'];
/** Every so many rounds a kill falls on a system that carries out no change. */
const QUIET_EVERY = 3;

/** A generator of numbers in [0, 1) (mulberry32). @param {number} seed */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const pick = (random, list) => list[Math.floor(random() * list.length)];

function shuffled(random, list) {
  const rest = [...list];
  return list.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]);
}

/** Deals the list out in a new order each time it is used up, so that every item comes as often as it should. */
function dealer(random, list) {
  let cards = [];
  return () => {
    if (cards.length === 0) cards = shuffled(random, list);
    return cards.pop();
  };
}

/**
 * @typedef {{ number: number, kill: string, quiet: boolean, changes: string[], delayMs: number, stopMs: number, victim: number }} Round
 *   `quiet`: the kill comes after the changes were carried out; else `delayMs` after they were sent. `victim` (0 to 1) chooses among processes
 * @returns {Round[]}
 */
export function planRounds({ seed, rounds }) {
  const random = randomNumbers(seed);
  const [kill, stopped, change] = [KILLS, STOPPED, CHANGES].map((list) => dealer(random, list));
  return Array.from({ length: rounds }, (_, i) => {
    const what = kill();
    return {
      number: i + 1,
      kill: what === 'stopped' ? stopped() : what,
      quiet: i % QUIET_EVERY === QUIET_EVERY - 1,
      changes: Array.from({ length: 1 + Math.floor(random() * 2) }, change),
      delayMs: Math.floor(random() * 800),
      stopMs: 500 + Math.floor(random() * 3_500),
      victim: random(),
    };
  });
}
