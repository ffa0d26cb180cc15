/** Files import each other in no circle. Types do not count: they are erased. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** What a file imports at run time when it is loaded, of the files of this repository. */
function imports(file: string, code: string): string[] {
  return ts.createSourceFile(file, code, ts.ScriptTarget.ES2022).statements.flatMap((statement) => {
    if (!(ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) || !statement.moduleSpecifier) return [];
    const { text } = statement.moduleSpecifier as ts.StringLiteral;
    return text.startsWith('.') && !isErased(statement) ? [join(dirname(file), text).replace(/\.js$/, '.ts')] : [];
  });
}

function isErased(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  const { importClause: clause } = statement;
  if (!clause || clause.isTypeOnly) return clause !== undefined;
  const { name, namedBindings } = clause;
  return !name && namedBindings !== undefined && ts.isNamedImports(namedBindings) && namedBindings.elements.every((element) => element.isTypeOnly);
}

/** One circle, as the files on it; undefined where there is none. */
function circle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const follow = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const found = follow(next, [...path, file]);
      if (found) return found;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const found = follow(file, []);
    if (found) return found;
  }
  return undefined;
}

const files = ['server', 'runtimes', 'clients/cli', 'clients/typescript/src'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|mjs)$/.test(file) && !file.includes('node_modules'))
    .map((file) => join(folder, file)),
);
const graph = new Map(files.map((file) => [file, imports(file, readFileSync(join(root, file), 'utf8'))]));

test('there is none', () => {
  expect(files.length).toBeGreaterThan(300);
  expect([...graph.values()].flat().filter((file) => !graph.has(file) && !file.startsWith('migrations/'))).toEqual([]);
  expect(circle(graph)).toBeUndefined();
});

test.each([
  ['server/errors.ts', `import { readConfig } from './config.js';`],
  ['server/deployments/backoff.ts', `export { decide } from './pass.js';`],
  ['runtimes/tensor.ts', `import './tensor.js';`],
])('%s would close one with %s', (file, code) => {
  expect(circle(new Map([...graph, [file, [...graph.get(file)!, ...imports(file, code)]]]))).toContain(file);
});

test.each([
  ['server/errors.ts', `import type { Config } from './config.js';`],
  ['server/errors.ts', `import { type Config } from './config.js';`],
  ['server/errors.ts', `export type { Config } from './config.js';`],
])('%s may: %s', (file, code) => {
  expect(imports(file, code)).toEqual([]);
});
