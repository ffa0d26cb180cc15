/** The registry's pure rules, by tables. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../server/errors.js';
import { artifactId, digestPrefix, isDigest, sha256 } from '../../../server/registry/digest.js';
import { assertName } from '../../../server/gateway/protocols/model-name.js';
import { checkGeneration, checkModelName, checkName, isModelName, isName } from '../../../server/registry/names.js';
import { checkLineage, checkSample } from '../../../server/registry/provenance.js';
import { checkDescription, checkJson, checkText } from '../../../server/registry/texts.js';
import { checkFiles, MAX_FILES, pathProblem, versionDigest } from '../../../server/registry/version-files.js';

/** What a check throws, as [code, field, message]. */
function refusal(check: () => void): [string, string, string] | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return [error.code, error.field.join('.'), error.message];
  }
}

describe('names', () => {
  test.each(['a', '7', 'default', 'a-b', 'x'.repeat(63)])('%s names a project', (name) => expect(refusal(() => checkName(name))).toBeUndefined());
  test.each(['', '-a', 'a-', 'A', 'a.b', 'a_b', 'ä', 'a b', 'x'.repeat(64), 'a\n', '../a'])('%j does not', (name) => {
    expect(refusal(() => checkName(name))).toEqual([
      'INVALID',
      'name',
      `"${name}" is not a valid name; it must have 1 to 63 characters of a-z, 0-9 and "-", and begin and end with a letter or digit`,
    ]);
  });
  const OF_PEERS = ['ResNet50', 'half_plus_two', 'bert-v1.0', 'a', 'Z', '7', 'a..b', 'x.y.z', 'X'.repeat(63)];
  test.each(OF_PEERS)('%s names a model or a deployment', (name) => expect(refusal(() => checkModelName(name))).toBeUndefined());
  test.each(['', '.', '..', '.a', 'a.', '-a', 'a-', '_a', 'a_', 'a b', ' a', 'a ', 'a/b', 'a/../b', 'ä', 'a\n', 'a\u0000', 'a:b', 'a%b', 'x'.repeat(64)])(
    '%j does not',
    (name) => {
      expect(refusal(() => checkModelName(name))).toEqual([
        'INVALID',
        'name',
        `"${name}" is not a valid name; it must have 1 to 63 characters of A-Z, a-z, 0-9, ".", "_" and "-", and begin and end with a letter or digit`,
      ]);
      expect(isModelName(name)).toBe(false);
    },
  );
  test('what named a model or a deployment before names one still, and gateways know every name', () => {
    const before = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/;
    fc.assert(fc.property(fc.stringMatching(before), (name) => isModelName(name)));
    const names = fc.string({ unit: fc.constantFrom(...'aZ9._- /%'), minLength: 1, maxLength: 66 });
    fc.assert(
      fc.property(names, names, (project, name) => {
        const known = isModelName(name);
        if (known) expect(() => assertName(name)).not.toThrow();
        if (known && isName(project)) expect(() => assertName(`${project}.${name}`)).not.toThrow();
      }),
    );
    expect(() => assertName(`${'p'.repeat(63)}.${'D'.repeat(63)}`)).not.toThrow();
  });
  test('another generation than expected is a CONFLICT', () => {
    expect(refusal(() => checkGeneration({ generation: 3 }, undefined))).toBeUndefined();
    expect(refusal(() => checkGeneration({ generation: 3 }, 3))).toBeUndefined();
    expect(refusal(() => checkGeneration({ generation: 3 }, 2))).toEqual([
      'CONFLICT',
      'expectedGeneration',
      'expectedGeneration is 2, but the generation is 3; read it again before you change it',
    ]);
  });
});

describe('digests', () => {
  test('64 lower-case hexadecimal digits, and nothing else', () => {
    expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect([sha256('x'), sha256('x').toUpperCase(), `${sha256('x')}\n`, sha256('x').slice(1), `g${sha256('x').slice(1)}`].map(isDigest)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
  test('an artifact id is a UUID, from which the digest is found again', () => {
    expect(artifactId(sha256(''))).toBe('e3b0c442-98fc-1c14-9afb-f4c8996fb924');
    expect(sha256('').startsWith(digestPrefix(artifactId(sha256(''))))).toBe(true);
  });
});

describe('files of a version', () => {
  const a = sha256('a');
  const b = sha256('b');
  const files = (...paths: string[]) => paths.map((path) => ({ path, digest: a }));

  test.each(['model.onnx', 'variables/variables.data-00000-of-00001', 'a/b/c', '.hidden', '..x', 'x..', 'mit Leerzeichen', 'größe.bin', 'a'.repeat(255)])(
    '%s',
    (path) => {
      expect(pathProblem(path)).toBeUndefined();
    },
  );
  test.each([
    ['', 'is empty'],
    ['/etc/passwd', 'is absolute; it must be relative to the folder of the version'],
    ['../x', 'holds "." or ".."; it must name the file directly'],
    ['a/../../x', 'holds "." or ".."; it must name the file directly'],
    ['./x', 'holds "." or ".."; it must name the file directly'],
    ['..', 'holds "." or ".."; it must name the file directly'],
    ['a//b', 'holds an empty folder or file name'],
    ['a/', 'holds an empty folder or file name'],
    ['a\\b', 'holds a backslash; folders are separated by "/"'],
    ['a\u0000b', 'holds a control character'],
    ['a\nb', 'holds a control character'],
    ['a\ud800', 'is not well-formed Unicode'],
    ['a'.repeat(256), 'holds a name of more than 255 bytes'],
    ['ä'.repeat(128), 'holds a name of more than 255 bytes'],
    ['ab/'.repeat(200) + 'x', 'has more than 512 bytes'],
  ])('%j is refused', (path, problem) => {
    expect(pathProblem(path)).toBe(problem);
    expect(
      refusal(() =>
        checkFiles([
          { path: 'fine', digest: a },
          { path, digest: a },
        ]),
      ),
    ).toEqual(['INVALID', 'files.1.path', `the path "${path.slice(0, 80)}" ${problem}`]);
  });

  test.each([
    [files('x', 'x'), 'files.1.path', 'the path "x" is given twice'],
    [files('Model.bin', 'model.bin'), 'files.1.path', 'the paths "Model.bin" and "model.bin" are the same file on systems that ignore case'],
    [files('e\u0301', '\u00e9'), 'files.1.path', 'the paths "e\u0301" and "\u00e9" are the same file on systems that ignore case'],
    [files('a', 'a/b'), 'files.1.path', '"a" is both a file and the folder of "a/b"'],
    [files('a/b/c', 'a/b'), 'files.0.path', '"a/b" is both a file and the folder of "a/b/c"'],
    [files('x/A/y', 'X/a'), 'files.0.path', '"X/a" is both a file and the folder of "x/A/y"'],
    [[{ path: 'x', digest: 'abc' }], 'files.0.digest', '"abc" is not a SHA-256 digest; it must be 64 lower-case hexadecimal digits'],
    [[], 'files', 'a version needs at least one file'],
  ])('%j', (list, field, message) => expect(refusal(() => checkFiles(list))).toEqual(['INVALID', field, message]));

  test('their number is limited', () => {
    expect(refusal(() => checkFiles(files(...Array.from({ length: MAX_FILES }, (_, i) => `f${i}`))))).toBeUndefined();
    expect(refusal(() => checkFiles(files(...Array.from({ length: MAX_FILES + 1 }, (_, i) => `f${i}`))))).toEqual([
      'LIMIT_EXCEEDED',
      'files',
      'the version has 1001 files; it may have 1000',
    ]);
  });

  test('the digest depends on format, paths and digests, and not on the order', () => {
    const one = [
      { path: 'x', digest: a },
      { path: 'y', digest: b },
    ];
    const plain = { runtimeOptions: {}, declaredSignature: null };
    expect(versionDigest('onnx', one, plain)).toBe(
      sha256(
        JSON.stringify([
          'onnx',
          [
            ['x', a],
            ['y', b],
          ],
        ]),
      ),
    );
    expect(versionDigest('onnx', [...one].reverse(), plain)).toBe(versionDigest('onnx', one, plain));
    const others = [
      versionDigest('tfjs', one, plain),
      versionDigest(
        'onnx',
        [
          { path: 'x', digest: b },
          { path: 'y', digest: a },
        ],
        plain,
      ),
      versionDigest('onnx', [{ path: 'z', digest: a }, one[1]!], plain),
      versionDigest('onnx', one, { ...plain, runtimeOptions: { positive: 1 } }),
      versionDigest('onnx', one, { ...plain, declaredSignature: { inputs: [], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }] } }),
    ];
    expect(new Set([versionDigest('onnx', one, plain), ...others]).size).toBe(6);
    expect(versionDigest('onnx', one, { ...plain, runtimeOptions: { a: 1, b: 2 } })).toBe(
      versionDigest('onnx', one, { ...plain, runtimeOptions: { b: 2, a: 1 } }),
    );
  });
});

describe('texts', () => {
  test('what PostgreSQL cannot keep is refused by field', () => {
    expect(refusal(() => checkText('a\u0000', ['source', 'uri']))).toEqual(['INVALID', 'source.uri', 'source.uri holds a NUL character']);
    expect(refusal(() => checkText('\udfff', ['x']))).toEqual(['INVALID', 'x', 'x is not well-formed Unicode']);
    expect(refusal(() => checkDescription('d'.repeat(10_000)))).toBeUndefined();
    expect(refusal(() => checkDescription('d'.repeat(10_001)))).toEqual([
      'LIMIT_EXCEEDED',
      'description',
      'description has 10001 characters; it may have 10000',
    ]);
  });
  test('JSON: texts and names inside, depth, size', () => {
    expect(refusal(() => checkJson({ a: [1, null, { b: '\\u0000' }] }, ['x']))).toBeUndefined();
    expect(refusal(() => checkJson({ a: [{ 'b\u0000': 1 }] }, ['x']))).toEqual(['INVALID', 'x', 'a string in x holds a NUL character']);
    let deep: unknown = 1;
    for (let i = 0; i < 10_000; i++) deep = [deep];
    expect(refusal(() => checkJson(deep, ['x']))).toEqual(['LIMIT_EXCEEDED', 'x', 'x is nested deeper than 32 levels']);
    expect(refusal(() => checkJson({ a: 'x'.repeat(70_000) }, ['x']))).toEqual(['LIMIT_EXCEEDED', 'x', 'x has 70008 bytes as JSON; it may have 65536']);
  });
});

describe('lineage and sample', () => {
  test.each([
    [{ metrics: { accuracy: 'high' as never } }, 'lineage.metrics.accuracy', 'the metric "accuracy" must be a number'],
    [{ metrics: { accuracy: NaN } }, 'lineage.metrics.accuracy', 'the metric "accuracy" must be a number'],
    [{ dataset: { name: 'd', rows: 1.5 } }, 'lineage.dataset.rows', 'a data set has 1.5 rows; it must be a whole number, 0 or more'],
    [{ libraries: { numpy: 2 as never } }, 'lineage.libraries.numpy', 'the version of the library "numpy" must be a string'],
    [{ hyperparameters: [1] as never }, 'lineage.hyperparameters', 'hyperparameters must be a JSON object of names and values'],
    [{ dataset: { name: 'a\u0000' } }, 'lineage.dataset.name', 'lineage.dataset.name holds a NUL character'],
  ])('%j', (lineage, field, message) => expect(refusal(() => checkLineage(lineage))).toEqual(['INVALID', field, message]));

  test('a lineage as people write it', () => {
    expect(
      refusal(() =>
        checkLineage({
          dataset: { name: 'd', uri: 'u', rows: 0 },
          hyperparameters: { depth: null, units: [8, 8] },
          metrics: { accuracy: 1 },
          libraries: { numpy: '2.4.6' },
          source: { uri: 's' },
        }),
      ),
    ).toBeUndefined();
    expect(refusal(() => checkLineage({}))).toBeUndefined();
  });

  const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
  test.each([
    [[], 'sample', /^a sample needs a tensor for each input; leave it out to have one made from the signature$/],
    [[{ ...x, datatype: 'FLOAT' }], 'sample.0', /"x".*"FLOAT"/],
    [[{ ...x, data: [1] }], 'sample.0', /"x".*\[1, 2\].*2/],
    [[{ ...x, shape: [-1, 2] }], 'sample.0', /-1/],
    [[{ ...x, data: 5 as never }], 'sample.0', /"x".*data.*must be/],
    [[{ ...x, data: [1, 'two'] }], 'sample.0', /"x".*"two"/],
    [[x, x], 'sample.1.name', /^tensor "x" is given twice$/],
  ])('%j', (sample, field, message) => expect(refusal(() => checkSample(sample))).toEqual(['INVALID', field, expect.stringMatching(message)]));
  test('nested, flat, 64-bit', () => {
    expect(
      refusal(() => checkSample([x, { name: 'y', datatype: 'INT64', shape: [2], data: ['9223372036854775807', -1] }, { ...x, name: 'z', data: [[1, 'NaN']] }])),
    ).toBeUndefined();
  });
});
