/** What a campaign found, as one object and as tables. */
import { quantile, round } from '../../bench/support/statistics.mjs';

const ms = (values, q) => round(quantile(values, q), 0);

/** @returns figures, and in `broken` each thing that must not happen */
export function summaryOf({ seed, gateways, seconds, told, load, feed, maker, lost, doubled, untold, position, orphans, ended }) {
  const kinds = [...new Set(told.rounds.map(({ kill }) => kill))].toSorted();
  const counts = {
    'acknowledged changes lost': lost,
    'changes made twice': doubled,
    'changes without an event': untold,
    'wrong answers to mutations': maker.untrue,
    'changes with an unknown outcome': maker.records.filter(({ givenUp }) => givenUp).map(({ kind, mark }) => `${kind} ${mark}`),
    'wrong answers': load.wrong,
    'events missing from the feed': Array.from({ length: feed.gaps + position.without }, () => 'one event'),
    'events sent twice': Array.from({ length: feed.repeated }, () => 'one event'),
    'ends of the feed': feed.failure === undefined ? [] : [feed.failure],
    orphans,
    'ends of a server without a kill': ended,
    'rounds that never became READY': told.neverReady,
  };
  return {
    seed,
    gateways,
    seconds,
    kills: told.rounds.length,
    changes: {
      tried: maker.records.length,
      acknowledged: maker.records.filter(({ acknowledged }) => acknowledged).length,
      foundByLookingUp: maker.records.filter(({ acknowledged, made }) => made && !acknowledged).length,
      refused: maker.records.flatMap(({ kind, refused }) => (refused ? [`${kind}: ${refused}`] : [])),
      answers: maker.answers,
    },
    inferences: { answered: load.answered, failures: load.failures, heldBack: load.heldBack },
    events: feed.events,
    kinds: kinds.map((kind) => timesOf(kind, told.rounds)),
    counts: Object.fromEntries(Object.entries(counts).map(([what, list]) => [what, list.length])),
    broken: Object.entries(counts).flatMap(([what, list]) => list.slice(0, 20).map((each) => `${what}: ${each}`)),
  };
}

function timesOf(kind, rounds) {
  const own = rounds.filter(({ kill, readyMs }) => kill === kind && readyMs !== undefined);
  const quiet = own.filter((each) => each.quiet);
  const times = (list, what) => ({
    p50: ms(
      list.map((each) => each[what]),
      0.5,
    ),
    p90: ms(
      list.map((each) => each[what]),
      0.9,
    ),
  });
  return {
    kind,
    kills: own.length,
    answers: times(own, 'answersMs'),
    ready: times(own, 'readyMs'),
    quietKills: quiet.length,
    quietReady: times(quiet, 'readyMs'),
  };
}

const row = (cells) => `| ${cells.join(' | ')} |`;
const pair = ({ p50, p90 }) => (p50 === null ? '–' : `${p50}, ${p90}`);

/** Markdown, as docs/reliability.md has it. */
export function tables({ kinds, counts, inferences }) {
  const failures = Object.entries(inferences.failures).toSorted((a, b) => b[1] - a[1]);
  return [
    row(['killed', 'times', 'answers again ms p50, p90', 'READY ms p50, p90', 'rounds without a change', 'their READY ms p50, p90']),
    row(Array(6).fill('---')),
    ...kinds.map((each) => row([each.kind, each.kills, pair(each.answers), pair(each.ready), each.quietKills, pair(each.quietReady)])),
    '',
    row(['must be 0', 'is']),
    row(['---', '---']),
    ...Object.entries(counts).map(row),
    '',
    row(['failed inferences', `of ${inferences.answered + failures.reduce((sum, [, count]) => sum + count, 0)}`]),
    row(['---', '---']),
    ...failures.map(row),
  ].join('\n');
}
