/** `npm run schema`: writes server/schema.graphql from the built code; with `--check` it only says whether the file is what it would write. Needs no database. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSchema, ResolverInstances, schemaText } from './api/create-schema.js';
import { FEATURES } from './features.js';
import { PROJECT_ROOT } from './paths.js';

const path = join(PROJECT_ROOT, 'server', 'schema.graphql');
const text = schemaText(createSchema(await FEATURES.resolvers(), new ResolverInstances([])));
if (!process.argv.includes('--check')) {
  writeFileSync(path, text);
} else if (readFileSync(path, 'utf8') !== text) {
  process.stderr.write('server/schema.graphql is not what the resolvers make; `npm run schema` writes it anew\n');
  process.exitCode = 1;
}
