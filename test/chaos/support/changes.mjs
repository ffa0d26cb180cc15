/** Makes changes through the API, as a deploy bot does: what got no clear answer is looked up and sent again until it is known what became of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { changeKinds } from './kinds.mjs';

const ANSWER_MS = 30_000;
const PATIENCE_MS = 90_000;
const AGAIN_MS = 100;

/** Changes that the feed does not tell of, or tells of twice. */
const UNTOLD = `
  SELECT concat('revision ', r.number, ' (', r.reason, ')') AS what FROM revision r WHERE 1 <> (SELECT count(*) FROM event e
    WHERE e.type = 'REVISION_CREATED' AND e.subject_id = r.deployment_id AND (e.payload->>'generation')::int = r.number)
  UNION ALL SELECT concat('deletion of ', d.name) FROM deployment d WHERE d.deletion_requested_at IS NOT NULL AND 1 <> (SELECT count(*) FROM event e
    WHERE e.type = 'DELETION_REQUESTED' AND e.subject_id = d.id)
  UNION ALL SELECT concat('version ', v.number, ' (', v.description, ')') FROM version v WHERE 1 <> (SELECT count(*) FROM event e
    WHERE e.type = 'VERSION_CREATED' AND e.subject_id = v.id)`;

/** Tries again until it succeeds. @throws the last error when patience has ended */
export async function retried(work) {
  for (const started = performance.now(); ; await delay(AGAIN_MS)) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() - started > PATIENCE_MS) throw error;
    }
  }
}

/** @param {{ client: any, home: any, world: import('./world.mjs').World, random: () => number }} options */
export function createChangeMaker({ client, home, world, random }) {
  const kinds = changeKinds({ world, random, client, retried });
  /** Every change that was tried: `made` once it is known that it was, by its answer or by its row. */
  const records = [];
  /** How often each answer came to a mutation. */
  const answers = {};
  /** Answers that were not true. */
  const untrue = [];
  const find = async ({ row, mark }) => (await home.query(row, [mark]))[0];

  async function answerTo({ mutation, inputType, fields, input }) {
    try {
      const document = `mutation ($input: ${inputType}!) { ${mutation}(input: $input) { ${fields} } }`;
      const { [mutation]: payload } = await client.request(document, { input }, AbortSignal.timeout(ANSWER_MS));
      if (payload.userErrors.length === 0) return { says: 'done' };
      const [{ code, message }] = payload.userErrors;
      return { says: 'refused', code, message };
    } catch (error) {
      // Without a status, no answer came.
      if (error.status === undefined) return { says: 'nothing', code: 'no answer', message: error.message };
      return { says: error.code === 'UNAVAILABLE' ? 'not done' : 'nothing', code: error.code, message: error.message };
    }
  }

  /** Sends it until it is known whether it was made. @returns the row that it made; undefined when it was refused */
  async function carryOut(change, record) {
    let unclear = false;
    for (const started = performance.now(); performance.now() - started < PATIENCE_MS; await delay(AGAIN_MS)) {
      const { says, code = 'done', message } = await answerTo(change);
      answers[code] = (answers[code] ?? 0) + 1;
      if (says === 'done') record.acknowledged = true;
      const row = await find(change);
      if (row && !unclear && (says === 'refused' || says === 'not done')) untrue.push(`${change.kind} ${change.mark}: ${code} (${message}), yet it was made`);
      if (!row && says === 'done') untrue.push(`${change.kind} ${change.mark}: acknowledged, and not there`);
      // What has a key is asked for again until it is acknowledged; the key keeps it from being made twice.
      if (says === 'done' || (row && !change.keyed)) return row;
      if (says === 'refused') {
        if (row) untrue.push(`${change.kind} ${change.mark}: repeated with its key, it was refused: ${code} (${message})`);
        record.refused = `${code}: ${message}`;
        return row;
      }
      unclear ||= says === 'nothing';
    }
    record.givenUp = true;
    return undefined;
  }

  /** Makes one change. @param {string} kind @param {Set<string>} busy names of deployments that other changes are at; its own is added */
  async function make(kind, busy = new Set(), ...more) {
    const mark = `chaos-${records.length + 1}`;
    const change = kinds[kind](mark, busy, ...more);
    const record = { kind: change.kind, mark, row: change.row, acknowledged: false, made: false };
    records.push(record);
    if (change.deployment) busy.add(change.deployment.name);
    await change.before?.();
    const row = await carryOut(change, record);
    record.made = row !== undefined;
    if (row) await change.after(row);
    else change.undo?.();
  }

  /** Compares every change with the rows that there are. */
  async function verify() {
    const lost = [];
    const doubled = [];
    for (const record of records) {
      const { length } = await home.query(record.row, [record.mark]);
      if (record.acknowledged && length === 0) lost.push(`${record.kind} ${record.mark}`);
      if (length > 1) doubled.push(`${record.kind} ${record.mark}: ${length} rows`);
      if (!record.made && length > 0) untrue.push(`${record.kind} ${record.mark}: ${record.refused ?? 'given up'}, yet it was made later`);
    }
    const untold = (await home.query(UNTOLD)).map(({ what }) => what);
    return { lost, doubled, untold };
  }
  return { make, verify, records, answers, untrue };
}
