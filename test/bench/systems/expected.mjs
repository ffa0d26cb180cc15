/** What onnxruntime itself answers for each workload's row, and how fast it is without any server: `session.run` alone. */
import { env, InferenceSession, Tensor } from 'onnxruntime-node';

env.logLevel = 'error';

/** As replicas and the bare server open theirs: one thread, as STACK measured it and as deployments have by default. */
export const SESSION_OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' };

export const feedOf = ({ input, values, shape }) => ({ [input]: new Tensor('float32', values, shape) });

/** The FP32 output of each model for its workload's row, by model. */
export async function expectedOutputs(models, loads) {
  const expected = {};
  for (const load of loads) {
    if (expected[load.model]) continue;
    const session = await InferenceSession.create(models[load.model], SESSION_OPTIONS);
    const results = Object.values(await session.run(feedOf(load)));
    expected[load.model] = [...results.find(({ type }) => type === 'float32').data];
    await session.release();
  }
  return expected;
}

/** Runs of a session a second, one after the other on one thread. */
export async function rawSession(model, load, seconds) {
  const session = await InferenceSession.create(model, SESSION_OPTIONS);
  const feeds = feedOf(load);
  for (const until = performance.now() + 200; performance.now() < until;) await session.run(feeds);
  let runs = 0;
  const started = performance.now();
  for (; performance.now() - started < seconds * 1_000; runs++) await session.run(feeds);
  const perSecond = runs / ((performance.now() - started) / 1_000);
  await session.release();
  return perSecond;
}
