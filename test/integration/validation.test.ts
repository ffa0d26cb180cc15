import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { limitedCommand, memoryLimitKilobytes, watchMemory } from '../../server/engines/limits.js';
import { residentBytes } from '../../server/engines/process-tree.js';
import { validateVersion, type ValidationRequest, type ValidationResult } from '../../server/registry/validation.js';
import { modelFolder, nothingDeclared, removeModelFolders, type ModelFiles } from '../support/models/folder.js';
import { affineModel, greedyModel, identityModel, loopModel, node, onnxModel, tensorValue } from '../support/models/onnx.js';
import { denseLayers } from '../support/models/tensorflow.js';
import { SCRIPTED } from '../support/replica-host.js';

// Each test starts processes that load a runtime.
vi.setConfig({ testTimeout: 120_000 });
afterAll(removeModelFolders);

const MIB = 1024 ** 2;

function validate(files: ModelFiles, changes: Partial<ValidationRequest> = {}): Promise<ValidationResult> {
  const format = changes.format ?? 'onnx';
  const { folder, files: paths } = modelFolder(format, files);
  return validateVersion({
    folder,
    files: paths,
    format,
    runtime: 'onnx',
    sample: null,
    ...nothingDeclared(),
    outsideModules: [],
    timeoutMs: 60_000,
    memoryBytes: 512 * MIB,
    ...changes,
  });
}

const scripted = (script: object, changes: Partial<ValidationRequest> = {}) =>
  validate({ 'model.script.json': JSON.stringify(script) }, { runtime: 'scripted', format: 'scripted', outsideModules: [SCRIPTED], ...changes });

const rejected = async (result: Promise<ValidationResult>): Promise<{ reason: string; logTail: string }> => {
  const settled = await result;
  if (settled.state !== 'REJECTED') throw new Error('it became READY');
  return settled;
};

describe('validation', () => {
  // Whatever a model does, this process goes on: the longest that its event loop stood still, in ticks of 10 ms of another thread. Time that
  // the machine had for neither is nobody's fault.
  const ticks = new Int32Array(new SharedArrayBuffer(4));
  let longestPause = 0;
  let timer: NodeJS.Timeout;
  let beside: Worker;
  beforeAll(() => {
    beside = new Worker(`setInterval(() => Atomics.add(require('node:worker_threads').workerData, 0, 1), 10)`, { eval: true, workerData: ticks });
    let last = 0;
    timer = setInterval(() => {
      const now = Atomics.load(ticks, 0);
      longestPause = Math.max(longestPause, now - last);
      last = now;
    }, 5);
  });
  afterAll(async () => {
    clearInterval(timer);
    await beside.terminate();
    expect(ticks[0]).toBeGreaterThan(100);
    expect(longestPause).toBeLessThan(300);
  });

  it('makes a version READY with its signature, its backend and the answer to the sample', async () => {
    const result = await validate({ 'model.onnx': affineModel() }, { sample: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [[2, 4]] }] });
    expect(result).toMatchObject({
      state: 'READY',
      backend: 'cpu',
      signature: { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }] },
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [4.5, 7.5] }],
    });
    if (result.state === 'READY') expect(result.memoryBytes).toBeGreaterThan(20 * MIB);
  });

  it("gives a model nothing of the server's environment that is secret", async () => {
    vi.stubEnv('DATABASE_URL', 'postgres://secret');
    vi.stubEnv('SOME_TOKEN', 'secret');
    vi.stubEnv('TZ', 'UTC');
    try {
      const environment = JSON.parse((await rejected(scripted({ tellsEnvironment: true }))).reason) as Record<string, string>;
      expect(environment).toMatchObject({ PATH: process.env['PATH'], TZ: 'UTC' });
      expect(Object.values(environment)).not.toContainEqual(expect.stringContaining('secret'));
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('makes a request from the signature, and keeps 64-bit integers', async () => {
    expect(await validate({ 'model.onnx': identityModel('INT64', ['n', 2]) })).toMatchObject({
      state: 'READY',
      outputs: [{ shape: [1, 2], data: ['1', '1'] }],
    });
    const sample = [{ name: 'x', datatype: 'INT64', shape: [1, 2], data: ['9007199254740993', -1] }];
    expect(await validate({ 'model.onnx': identityModel('INT64', ['n', 2]) }, { sample })).toMatchObject({
      state: 'READY',
      outputs: [{ data: ['9007199254740993', '-1'] }],
    });
  });

  it('validates a TensorFlow.js model under the same limits', async () => {
    const result = await validate(denseLayers(), { runtime: 'tfjs', format: 'tfjs-layers', memoryBytes: 256 * MIB });
    expect(result).toMatchObject({ state: 'READY', signature: { inputs: [{ name: 'x' }] } });
  });

  it.each<[string, () => Promise<ValidationResult>, RegExp]>([
    ['a corrupt file', () => validate({ 'model.onnx': 'no model' }), /protobuf parsing failed/i],
    [
      'an unknown operator',
      () =>
        validate({
          'm.onnx': onnxModel({
            nodes: [node('Sorcery', ['x'], ['y'])],
            inputs: [tensorValue({ name: 'x', type: 'FP32', shape: [1] })],
            outputs: [tensorValue({ name: 'y', type: 'FP32', shape: [1] })],
          }),
        }),
      /Sorcery/,
    ],
    ['an unsupported datatype', () => validate({ 'm.onnx': identityModel('BF16', [1]) }), /datatype bfloat16, which is not supported/],
    [
      'a missing weight shard',
      () => validate({ 'model.json': denseLayers()['model.json']! }, { runtime: 'tfjs', format: 'tfjs-layers' }),
      /weight shard "group1-shard1of2\.bin"/,
    ],
    ['an unknown runtime', () => validate({ 'm.pmml': '' }, { runtime: 'pmml' }), /no runtime plugin "pmml"/],
    [
      'a sample of another shape',
      () => validate({ 'm.onnx': affineModel() }, { sample: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }] }),
      /the sample does not fit the model: input "x" has shape \[1, 3\]; the model takes \[-1, 2\]/,
    ],
    [
      'a sample of another datatype',
      () => validate({ 'm.onnx': affineModel() }, { sample: [{ name: 'x', datatype: 'FP64', shape: [1, 2], data: [1, 2] }] }),
      /input "x" is FP64; the model takes FP32/,
    ],
    [
      'a sample that contradicts itself',
      () => validate({ 'm.onnx': affineModel() }, { sample: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1] }] }),
      /needs 2 elements, the data has 1/,
    ],
    ['an inference that fails', () => scripted({}, { sample: [{ name: 'x', datatype: 'FP32', shape: [1], data: [-1] }] }), /^the model failed$/],
    [
      'a path out of the folder',
      () => validate({ 'm.onnx': affineModel() }, { files: ['../m.onnx'] }),
      /file path "\.\.\/m\.onnx" is not relative to the version's folder/,
    ],
  ])("rejects %s with the runtime's own message", async (_title, run, message) => {
    expect((await rejected(run())).reason).toMatch(message);
  });

  it('rejects a model that never returns, when its time is up, and leaves no process', async () => {
    const started = performance.now();
    const { reason } = await rejected(validate({ 'm.onnx': loopModel(2n ** 62n) }, { timeoutMs: 5000 }));
    expect(reason).toBe('it gave no answer within 5000 ms');
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('rejects a plugin that holds its thread for ever', async () => {
    expect((await rejected(scripted({}, { sample: [{ name: 'x', datatype: 'FP32', shape: [1], data: [-3] }], timeoutMs: 5000 }))).reason).toBe(
      'it gave no answer within 5000 ms',
    );
  });

  it('rejects a model of a hundred bytes that wants 10 GB, cleanly, and lets the same through within its means', async () => {
    const greedy = await rejected(validate({ 'm.onnx': greedyModel(2_600_000_000) }));
    expect(greedy.reason).toMatch(
      /^the model needs more memory than the 536870912 bytes it may use \(PILOTHOUSE_VALIDATION_MEMORY_BYTES\): .*(bad_?alloc|allocate)/i,
    );
    expect(await validate({ 'm.onnx': greedyModel(20_000_000) })).toMatchObject({ state: 'READY', outputs: [{ data: [20_000_000] }] });
  });

  it('names the signal of a crash, and shows the log before it', async () => {
    const { reason, logTail } = await rejected(scripted({ crash: 'SIGSEGV', log: 'about to fall' }));
    expect(reason).toMatch(/the validating process was ended by SIGSEGV without an answer/);
    expect(logTail).toContain('about to fall');
  });

  it('shows the log without the colours of a terminal', async () => {
    const coloured = `\x1b[1;31m[E:onnxruntime] ${'x'.repeat(20_000)}\x1b[m about to fall`;
    const { reason, logTail } = await rejected(scripted({ crash: 'SIGSEGV', log: coloured }));
    expect(logTail).toMatch(/^x{8000,8200} about to fall\n/);
    expect(reason).not.toContain('\x1b');
  });

  it('can be cancelled, and then says nothing of the version', async () => {
    const abort = new AbortController();
    const run = scripted({ loadMs: 60_000 }, { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('the server stops')), 500);
    await expect(run).rejects.toThrow('the server stops');
    await expect(scripted({}, { signal: abort.signal })).rejects.toThrow('the server stops');
  });
});

describe.runIf(process.platform === 'linux')('memory limits', () => {
  const of = { runtime: 'onnx', outsideModules: [] };

  it('are what the runtime needs idle and the budget, and let the process be taken first when memory is short', async () => {
    const kilobytes = await memoryLimitKilobytes({ ...of, memoryBytes: 100 * MIB });
    expect(kilobytes).toBeGreaterThan((100 + 80) * 1024);
    const { command, args } = await limitedCommand([process.execPath, '-e', 'setTimeout(() => 0, 60_000)'], { ...of, memoryBytes: 100 * MIB });
    const { spawn } = await import('node:child_process');
    const child = spawn(command, args);
    // The shell does the one after the other, and then becomes the command.
    const told = (file: string) => expect.poll(() => readFileSync(`/proc/${child.pid}/${file}`, 'utf8').trim(), { timeout: 20_000 });
    await told('limits').toMatch(new RegExp(`Max data size +${kilobytes * 1024} `));
    await told('oom_score_adj').toBe('500');
    // The shell's own has it as an argument.
    await told('cmdline').toSatisfy((text: string) => text.startsWith(process.execPath));
    expect(await residentBytes(child.pid!)).toBeGreaterThan(MIB);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    expect(await residentBytes(child.pid!)).toBeUndefined();
  });

  it('measures a runtime that does not load as Node alone, and no budget as no limit', async () => {
    expect(await memoryLimitKilobytes({ runtime: 'nothing', memoryBytes: 0 })).toBeGreaterThan(60 * 1024);
    expect((await limitedCommand(['x'], { ...of, memoryBytes: null })).args[1]).not.toContain('ulimit');
  });

  it('are watched from outside where the kernel does not hold them', async () => {
    const { spawn } = await import('node:child_process');
    const hog = fileURLToPath(new URL('../support/hog.mjs', import.meta.url));
    const child = spawn(process.execPath, [hog, String(400 * MIB)], { stdio: 'ignore' });
    const bytes = await new Promise<number>((resolve) => void watchMemory(child.pid!, { ...of, memoryBytes: 100 * MIB }, resolve, 20));
    expect(bytes).toBeGreaterThan(100 * MIB);
    child.kill('SIGKILL');
  });
});
