/** Which files a version may consist of, and the digest of them all. Pure. */
import type { RuntimeOptions } from '../../runtimes/contract.js';
import type { Signature } from '../../runtimes/tensor.js';
import { canonicalJson } from '../access/canonical-json.js';
import { DomainError } from '../errors.js';
import { type Digest, expectDigest, sha256 } from './digest.js';

export interface VersionFile {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly digest: Digest;
}

export const MAX_FILES = 1_000;
const MAX_PATH_BYTES = 512;
/** What file systems take. */
const MAX_SEGMENT_BYTES = 255;

/** Why a path cannot be one of a version's files, or undefined where it can. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `has more than ${MAX_PATH_BYTES} bytes`;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'holds a control character';
  // A lone surrogate has no UTF-8, so two different such paths would be one file.
  if (Buffer.from(path).toString() !== path) return 'is not well-formed Unicode';
  if (path.includes('\\')) return 'holds a backslash; folders are separated by "/"';
  if (path.startsWith('/')) return 'is absolute; it must be relative to the folder of the version';
  const segments = path.split('/');
  if (segments.includes('')) return 'holds an empty folder or file name';
  if (segments.includes('.') || segments.includes('..')) return 'holds "." or ".."; it must name the file directly';
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)) return `holds a name of more than ${MAX_SEGMENT_BYTES} bytes`;
  return undefined;
}

/** What some file systems take for the same path. */
const folded = (path: string): string => path.normalize('NFC').toLowerCase();

/**
 * @throws DomainError INVALID or LIMIT_EXCEEDED that names the file, on its path below `field`: a malformed path or digest, two
 *   paths that are one file (even only where case does not count), or a path that is the folder of another.
 */
export function checkFiles(files: readonly VersionFile[], field: readonly string[] = ['files']): void {
  if (files.length === 0) throw new DomainError('INVALID', 'a version needs at least one file', field);
  if (files.length > MAX_FILES) throw new DomainError('LIMIT_EXCEEDED', `the version has ${files.length} files; it may have ${MAX_FILES}`, field);
  const taken = new Map<string, number>();
  files.forEach(({ path, digest }, i) => {
    const at = [...field, String(i)];
    const problem = pathProblem(path);
    if (problem) throw new DomainError('INVALID', `the path "${path.slice(0, 80)}" ${problem}`, [...at, 'path']);
    expectDigest(digest, ...at, 'digest');
    const first = taken.get(folded(path));
    if (first !== undefined) {
      const other = files[first]!.path;
      throw new DomainError(
        'INVALID',
        other === path ? `the path "${path}" is given twice` : `the paths "${other}" and "${path}" are the same file on systems that ignore case`,
        [...at, 'path'],
      );
    }
    taken.set(folded(path), i);
  });
  files.forEach(({ path }, i) => {
    const segments = folded(path).split('/');
    for (let n = 1; n < segments.length; n++) {
      const clash = taken.get(segments.slice(0, n).join('/'));
      if (clash !== undefined)
        throw new DomainError('INVALID', `"${files[clash]!.path}" is both a file and the folder of "${path}"`, [...field, String(i), 'path']);
    }
  });
}

/** What a model is loaded with, beside its files. */
export interface LoadedWith {
  readonly runtimeOptions: RuntimeOptions;
  readonly declaredSignature: Signature | null;
}

/** SHA-256 over the format and the sorted list of paths and file digests, and over what the model is loaded with where there is anything. */
export function versionDigest(format: string, files: readonly VersionFile[], { runtimeOptions, declaredSignature }: LoadedWith): Digest {
  const list = files.map(({ path, digest }) => [path, digest] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  // Versions from before there were options keep their digests.
  const plain = Object.keys(runtimeOptions).length === 0 && declaredSignature === null;
  return sha256(plain ? JSON.stringify([format, list]) : canonicalJson([format, list, runtimeOptions, declaredSignature]));
}
