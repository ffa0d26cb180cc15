/** A database as SQL: its tables, their rows (one INSERT a table), then constraints and indexes. */
import pg from 'pg';

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

/** Tables, each after those that its foreign keys lead to. */
async function tablesOf(client) {
  const { rows } = await client.query(
    `SELECT c.relname AS name, array_remove(array_agg(p.relname::text), NULL) AS parents FROM pg_class c
     LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid LEFT JOIN pg_class p ON p.oid = k.confrelid
     WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY c.relname ORDER BY c.relname`,
  );
  const ordered = [];
  const add = (name) => {
    if (ordered.includes(name)) return;
    for (const parent of rows.find((row) => row.name === name).parents) add(parent);
    ordered.push(name);
  };
  for (const { name } of rows) add(name);
  return ordered;
}

/** What comes before the rows, and what comes after them. */
async function schemaOf(client, tables) {
  const sequences = await client.query(`SELECT sequencename AS name, last_value AS value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1`);
  const statements = sequences.rows.map(({ name }) => `CREATE SEQUENCE "${name}";`);
  for (const table of tables) {
    const { rows } = await client.query(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS initial
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      [table],
    );
    const columns = rows.map(({ name, type, required, initial }) => `"${name}" ${type}${initial ? ` DEFAULT ${initial}` : ''}${required ? ' NOT NULL' : ''}`);
    statements.push(`CREATE TABLE "${table}" (\n  ${columns.join(',\n  ')}\n);`);
  }
  const constraints = await client.query(
    `SELECT conrelid::regclass::text AS on, conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'c', 'f') ORDER BY array_position(ARRAY['p', 'u', 'c', 'f'], contype::text), 1, 2`,
  );
  const indexes = await client.query(
    `SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY c.relname`,
  );
  const owned = await client.query(
    `SELECT s.relname AS name, t.relname AS "table", a.attname AS column FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
     JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid WHERE d.deptype = 'a' ORDER BY 1`,
  );
  const after = [
    ...sequences.rows.filter(({ value }) => value !== null).map(({ name, value }) => `SELECT setval('"${name}"', ${value});`),
    ...owned.rows.map(({ name, table, column }) => `ALTER SEQUENCE "${name}" OWNED BY "${table}"."${column}";`),
    ...constraints.rows.map(({ on, name, definition }) => `ALTER TABLE ${on} ADD CONSTRAINT "${name}" ${definition};`),
    ...indexes.rows.map(({ definition }) => `${definition};`),
  ];
  return { before: statements, after };
}

export async function dumpDatabase(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await tablesOf(client);
    const { before, after } = await schemaOf(client, tables);
    const parts = [...before];
    for (const table of tables) {
      const { rows } = await client.query(`SELECT to_jsonb(t)::text AS row FROM "${table}" t ORDER BY to_jsonb(t)::text`);
      if (rows.length === 0) continue;
      const list = rows.map(({ row }) => row).join(',\n');
      parts.push(`INSERT INTO "${table}" SELECT * FROM jsonb_populate_recordset(NULL::"${table}", ${quoted(`[\n${list}\n]`)});`);
    }
    return `${[...parts, ...after].join('\n\n')}\n`;
  } finally {
    await client.end();
  }
}
