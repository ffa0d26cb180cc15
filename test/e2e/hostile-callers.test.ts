/**
 * Eight callers with random requests, a share of them hostile, against twelve models with one replica each. The values of each caller lie
 * in a range of its own. Each answer is compared with what the test counts itself, so no value of another caller can go unseen.
 *
 * It runs for 15 s with the seed 1. `HOSTILE_SECONDS` and `HOSTILE_SEED` change both.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PilothouseClient } from '@pilothouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.js';
import { faultOf } from '../support/hostile/judge.js';
import * as onnxModels from '../support/hostile/onnx-models.js';
import { Caller, withMistake, type HostileModel, type Question } from '../support/hostile/question.js';
import * as tfjsShapes from '../support/hostile/tfjs-shapes.js';
import * as tfjsValues from '../support/hostile/tfjs-values.js';
import { Wire, type Reply } from '../support/hostile/wire.js';
import { startProgram, type RunningProgram } from '../support/program.js';

const CALLERS = 8;
const SECONDS = Number(process.env['HOSTILE_SECONDS'] ?? 15);
const SEED = Number(process.env['HOSTILE_SEED'] ?? 1);
const START_MS = 240_000;
/** Twelve. */
const MODELS: readonly HostileModel[] = [...Object.values(tfjsValues), ...Object.values(tfjsShapes), ...Object.values(onnxModels)];

interface Replica {
  readonly pid: number;
  readonly state: string;
  readonly backend: string | null;
}

let folder: string;
let program: RunningProgram;
let client: PilothouseClient;
let wire: Wire;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ph-hostile-'));
  // An empty folder: no native TensorFlow, as in a fresh clone.
  program = await startProgram({ PILOTHOUSE_SAMPLES: 'off', DATABASE_URL: '', PILOTHOUSE_TFJS_NODE_CACHE: folder });
  client = connect({ url: program.url, gatewayUrl: program.gatewayUrl, token: program.token });
  wire = new Wire(program.gatewayUrl);
  const signal = AbortSignal.timeout(START_MS);
  const versions: { readonly name: string; readonly id: string }[] = [];
  for (const { name, files, sample } of MODELS) {
    const home = join(folder, name);
    mkdirSync(home);
    for (const [path, content] of Object.entries(files)) writeFileSync(join(home, path), content);
    await client.createModel({ name });
    const { id } = await client.createVersion({
      model: name,
      files: Object.keys(files).map((path) => join(home, path)),
      ...(sample && { sample: sample.map(({ name: input, datatype, shape, data }) => ({ name: input, datatype, shape: [...shape], data })) }),
    });
    versions.push({ name, id });
  }
  for (const { name, id } of versions) {
    await client.waitForVersion(id, { signal });
    await client.deploy({ name, targets: [{ versionId: id }], replicas: 1, maxDelayMs: 5 });
  }
  for (const { name } of versions)
    await eventually(
      async () => {
        const [replica] = await replicasOf(name);
        const ready = await fetch(`${program.gatewayUrl}/v2/models/${name}/ready`);
        return replica?.state === 'READY' && ready.status === 200;
      },
      `a replica of ${name}`,
      START_MS,
    );
}, 2 * START_MS);

afterAll(async () => {
  wire?.close();
  await client?.close();
  await program?.stop();
  program?.clean();
  rmSync(folder, { recursive: true, force: true });
});

async function replicasOf(name: string): Promise<Replica[]> {
  const response = await fetch(`${program.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${program.token}` },
    body: JSON.stringify({ query: `{ deployment(name: "${name}") { replicas { nodes { pid state backend } } } }` }),
  });
  const { data } = (await response.json()) as { data: { deployment: { replicas: { nodes: Replica[] } } } };
  return data.deployment.replicas.nodes;
}

const send = (caller: Caller, model: string, { inputs }: Question): Promise<Reply> =>
  caller.random() < 0.5 ? wire.json(model, inputs) : wire.binary(model, inputs);

/** Kinds of requests, and how many of each were sent. */
const KINDS = ['good', 'hostile', 'mistaken'] as const;

test(`hostile callers for ${SECONDS} s`, { timeout: SECONDS * 1000 + 120_000 }, async () => {
  const before = await Promise.all(MODELS.map(({ name }) => replicasOf(name)));
  const counts = new Map<string, number>();
  const faults: string[] = [];
  const end = performance.now() + SECONDS * 1000;

  const ask = async (caller: Caller, model: HostileModel): Promise<void> => {
    const kind = caller.random() < 0.6 ? 'good' : caller.oneOf(KINDS.slice(1));
    const question = kind === 'hostile' ? model.hostile(caller) : model.good(caller);
    const inputs = kind === 'mistaken' ? withMistake(question, caller) : question.inputs;
    const answer = kind === 'mistaken' ? 'refused' : question.answer;
    const reply = kind === 'mistaken' ? await wire.json(model.name, inputs) : await send(caller, model.name, question);
    const outcome = `${kind} ${reply.status === 200 ? 'answered' : 'refused'}`;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    const fault = faultOf(reply, answer, caller.number, CALLERS);
    if (fault !== undefined) faults.push(`${model.name}: ${fault}; asked ${JSON.stringify(inputs).slice(0, 600)}; answered ${reply.text.slice(0, 300)}`);
  };
  const call = async (caller: Caller): Promise<void> => {
    while (performance.now() < end && faults.length < 1000) await ask(caller, caller.oneOf(MODELS));
  };
  await Promise.all(Array.from({ length: CALLERS }, (_, i) => call(new Caller(i + 1, SEED))));

  console.log(`seed ${SEED}: ${[...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}, ${faults.length} faults`);
  expect(faults.slice(0, 20)).toEqual([]);
  // No model was lost, and no replica had to be replaced.
  expect(await Promise.all(MODELS.map(({ name }) => replicasOf(name)))).toEqual(before);
  expect(before.map((replicas) => replicas.map(({ state, backend }) => `${state} on ${backend}`))).toEqual([
    ...[...Object.values(tfjsValues), ...Object.values(tfjsShapes)].map(() => ['READY on wasm']),
    ...Object.values(onnxModels).map(() => ['READY on cpu']),
  ]);
  for (const outcome of ['good answered', 'hostile answered', 'hostile refused', 'mistaken refused']) expect(counts.get(outcome)).toBeGreaterThan(10);
  for (const model of MODELS) {
    const caller = new Caller(1, SEED);
    const question = model.good(caller);
    expect(faultOf(await send(caller, model.name, question), question.answer, 1, CALLERS)).toBeUndefined();
  }
});
