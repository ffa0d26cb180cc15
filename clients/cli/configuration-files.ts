/** Files of `pilothouse.yaml` documents: read with the line of every field, and written. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, stringify, type Document } from 'yaml';
import { wrongUse } from './exit-codes.js';
import { readAll } from './standard-input.js';

export interface ConfigurationDocument {
  readonly value: Readonly<Record<string, unknown>>;
  /** `all.yaml:12`, where a field stands. A field that the document lacks is at its parent's line. */
  place(field: readonly string[]): string;
}

const ENDINGS = /\.(ya?ml|json)$/;

/** @param paths files, folders, or `-` for standard input. @throws CommandError with the line of the first mistake of each file */
export async function readDocuments(paths: readonly string[]): Promise<ConfigurationDocument[]> {
  const documents: ConfigurationDocument[] = [];
  const mistakes: string[] = [];
  for (const path of (await Promise.all(paths.map(filesOf))).flat()) {
    const text = path === '-' ? await readAll() : await readFile(path);
    try {
      documents.push(...parseDocuments(text.toString('utf8'), path === '-' ? 'standard input' : path));
    } catch (error) {
      mistakes.push((error as Error).message);
    }
  }
  if (mistakes.length > 0) throw wrongUse(mistakes.join('; '));
  if (documents.length === 0) throw wrongUse(`${paths.join(', ')} has no documents; "pilothouse export-config" shows what one looks like`);
  return documents;
}

async function filesOf(path: string): Promise<string[]> {
  if (path === '-' || !(await stat(path)).isDirectory()) return [path];
  const names = (await readdir(path, { recursive: true })).filter((name) => ENDINGS.test(name));
  if (names.length === 0) throw wrongUse(`${path} has no .yaml, .yml or .json file`);
  return names.sort().map((name) => join(path, name));
}

/** @throws CommandError */
export function parseDocuments(text: string, file: string): ConfigurationDocument[] {
  const lines = new LineCounter();
  const at = (offset: number): string => `${file}:${Math.max(1, lines.linePos(offset).line)}`;
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if ('empty' in parsed) return [];
  return parsed.flatMap((document) => {
    const [error] = document.errors;
    if (error) throw wrongUse(`${at(error.pos[0])}: this is not YAML: ${error.message}`);
    if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return [];
    const start = document.contents.range[0];
    if (!isMap(document.contents)) throw wrongUse(`${at(start)}: a document must be a mapping that begins with its kind, such as "kind: Deployment"`);
    return [{ value: valueOf(document, at(start)), place: (field) => at(offsetOf(document, field)) }];
  });
}

function valueOf(document: Document.Parsed, place: string): Record<string, unknown> {
  try {
    return document.toJS() as Record<string, unknown>;
  } catch (error) {
    // Aliases that make a small file large.
    throw wrongUse(`${place}: ${(error as Error).message}`);
  }
}

function offsetOf({ contents }: Document.Parsed, field: readonly string[]): number {
  let node: unknown = contents;
  let offset = contents?.range[0] ?? 0;
  for (const part of field) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === part) : undefined;
    const start: unknown = pair?.key ?? (isSeq(node) ? node.items[Number(part)] : undefined);
    if (!isNode(start) || !start.range) break;
    offset = start.range[0];
    node = pair ? pair.value : start;
  }
  return offset;
}

/** One text of many documents. */
export const writeDocuments = (documents: readonly Readonly<Record<string, unknown>>[]): string =>
  documents.map((document) => stringify(document, { lineWidth: 0 })).join('---\n');
