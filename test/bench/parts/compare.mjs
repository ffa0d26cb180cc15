/** Several systems under the same load, one after the other and again: the machine's moods then meet all of them. */
import { checkAnswer, closedLoop } from '../load/load.mjs';
import { median, round } from '../support/statistics.mjs';

const FIGURES = ['perSecond', 'p50Ms', 'p99Ms', 'cpuSecondsPer1000', 'memoryMb', 'errors'];

/** The median of each figure over the rounds. */
export function medians(runs) {
  const each = FIGURES.map((figure) => [figure, round(median(runs.map((run) => run[figure] ?? NaN)), 3)]);
  return { ...Object.fromEntries(each), errors: runs.reduce((sum, { errors }) => sum + errors, 0) };
}

/** Median of the rounds' own ratios of the first to the second. */
export const ratioOf = (figure, first, second) => round(median(first.map((run, i) => run[figure] / second[i][figure])), 2);

/**
 * A B A B … @returns for each system, by its name, its runs; or why it could not be measured
 * @param {{ say: (line: string) => void, expected: object, settings: object }} bench
 */
export async function alternate(bench, systems, load, { connections, rounds, seconds = bench.settings.seconds }) {
  const { settings, expected, say } = bench;
  const runs = Object.fromEntries(systems.map(({ name }) => [name, []]));
  const refused = {};
  for (let i = 0; i < rounds; i++) {
    for (const system of systems) {
      if (refused[system.name]) continue;
      try {
        await checkAnswer(system, load, expected);
        const run = await closedLoop(system, load, { connections, seconds, warmupSeconds: i === 0 ? settings.warmupSeconds : 0 });
        runs[system.name].push(run);
        say(
          `${load.id}, ${connections} connections, ${system.name}: ${run.perSecond}/s, p50 ${run.p50Ms} ms, p99 ${run.p99Ms} ms${run.errors ? `, ${run.errors} errors` : ''}`,
        );
      } catch (error) {
        refused[system.name] = error.message;
        say(`${load.id}, ${connections} connections, ${system.name}: ${error.message}`);
      }
    }
  }
  return { runs, refused };
}
