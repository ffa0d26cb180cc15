import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RuntimeTrapError, trapMessage } from '../../runtimes/contract.js';
import { parseAddress } from '../../runtimes/open-inference/address.js';
import { inputsFromSignature } from '../../runtimes/made-up-requests.js';
import { sampleFromTensor, tensorFromSample } from '../../runtimes/sample.js';
import { assertInputs, assertTensor, DATATYPES } from '../../runtimes/tensor.js';
import { chooseCache, chosenBuild, NATIVE_PINS, nativeBuild, sharedCache } from '../../runtimes/tfjs/native-cache.js';

describe('requests made from a signature', () => {
  it.each(DATATYPES)('fit it for %s, with 1 for what may vary', (datatype) => {
    const signature = { inputs: [{ name: 'x', datatype, shape: [-1, 2] }], outputs: [] };
    const inputs = inputsFromSignature(signature);
    assertInputs(signature, inputs);
    inputs.forEach(assertTensor);
    expect(inputs[0]!.shape).toEqual([1, 2]);
    const one = { BOOL: true, BYTES: '', INT64: '1', UINT64: '1' }[datatype as string] ?? 1;
    expect(sampleFromTensor(inputs[0]!).data).toEqual([one, one]);
  });

  it('are read back as they are written', () => {
    const sample = { name: 'x', datatype: 'INT64', shape: [1, 2], data: [['9007199254740993', -2]] };
    const tensor = tensorFromSample(sample);
    expect(tensor.data).toEqual(BigInt64Array.of(9007199254740993n, -2n));
    expect(tensorFromSample(sampleFromTensor(tensor))).toEqual(tensor);
    expect(() => tensorFromSample({ ...sample, data: ['x', 1] })).toThrow(/element 0/);
  });
});

describe('addresses of replicas', () => {
  it('are Unix sockets, or hosts with a port', () => {
    expect(parseAddress('unix:/a/b')).toEqual({ path: '/a/b' });
    expect(parseAddress('tcp:replica-1:8001')).toMatchObject({ host: 'replica-1', port: 8001 });
    expect(parseAddress('tcp:[::1]:8001')).toMatchObject({ host: '::1', port: 8001 });
    expect(() => parseAddress('tcp:replica-1')).toThrow('"tcp:replica-1" is not a replica address; use unix:<path> or tcp:<host>:<port>');
  });
});

describe('the cache of the native TensorFlow binding', () => {
  it('pins the npm packages by the lock file that is checked in', () => {
    const lock = readFileSync(new URL('../../runtimes/tfjs/native/package-lock.json', import.meta.url));
    expect(createHash('sha256').update(lock).digest('hex')).toBe(NATIVE_PINS.lockSha256);
    // Every package by its integrity, none by the place it came from.
    const { packages } = JSON.parse(lock.toString()) as { packages: Record<string, { integrity?: string; resolved?: string }> };
    for (const [path, entry] of Object.entries(packages))
      if (path !== '') expect(entry).toMatchObject({ integrity: expect.stringMatching(/^sha512-/) as string });
    expect(Object.values(packages).some((entry) => entry.resolved !== undefined)).toBe(false);
  });

  describe('is used', () => {
    let folder: string;
    let marker: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'ph-native-'));
      marker = join(folder, '.tfjs-node.json');
    });
    afterEach(() => rmSync(folder, { recursive: true }));
    /** The folder of builds, with a whole one in it. */
    const built = (name: string): string => {
      const cache = join(folder, name);
      const { bindingPath } = nativeBuild(cache);
      mkdirSync(dirname(bindingPath), { recursive: true });
      writeFileSync(bindingPath, '');
      return cache;
    };

    it('where the configuration names it, or this installation built it; the first goes first', () => {
      const [own, configured] = [built('own'), built('configured')];
      chooseCache(own, marker);
      expect(chosenBuild(undefined, marker)?.folder).toMatch(/\/own\/[0-9a-f]{16}$/);
      expect(chosenBuild(configured, marker)?.folder).toMatch(/\/configured\/[0-9a-f]{16}$/);
      expect(chosenBuild(join(folder, 'empty'), marker)).toBeUndefined();
    });

    it('not where another checkout built it, nor where it was removed since', () => {
      expect(sharedCache()).toMatch(/\/\.cache\/pilothouse\/tfjs-node$/);
      expect(chosenBuild(undefined, marker)).toBeUndefined();
      chooseCache(join(folder, 'gone'), marker);
      expect(chosenBuild(undefined, marker)).toBeUndefined();
      writeFileSync(marker, 'cut of');
      expect(chosenBuild(undefined, marker)).toBeUndefined();
    });
  });
});

describe('a trap', () => {
  const trap = Object.assign(new Error('the session is gone'), { name: 'RuntimeTrapError' });
  const circular = new Error('round and round');
  circular.cause = circular;

  it.each<[string, unknown, string | undefined]>([
    ['by its class', new RuntimeTrapError('no more'), 'no more'],
    ['by its name', trap, 'the session is gone'],
    ['as a cause', new Error('the kernel failed', { cause: new Error('inside', { cause: trap }) }), 'the kernel failed: inside: the session is gone'],
    ['any other error', new RangeError('too deep'), undefined],
    ['causes in a circle', circular, undefined],
    ['no error', 'memory access out of bounds', undefined],
  ])('is told %s', (_, error, message) => {
    expect(trapMessage(error)).toBe(message);
  });
});
