import type { DataSource, Logger } from 'typeorm';

/** What runs beside a request, in its own time: transaction control, checks of tokens, the feed's reader and its sequencer, the validator's looks. */
const BESIDE = [
  /^(START TRANSACTION|COMMIT|ROLLBACK|SELECT pg_notify)/i,
  /event_feed/,
  /FROM event WHERE position > \$1 ORDER BY position LIMIT \$2$/,
  /FROM "api_token" .*"hash" = \$1/,
  /^SELECT id FROM version WHERE state = 'VALIDATING' AND id <> ALL/,
  /^SELECT pg_(try_)?advisory_(un)?lock\(\$1, hashtext\(\$2\)\)/,
];

/**
 * The SQL statements that `fn` runs through a data source: a query over many rows must need as many as one over few.
 * @param everything also counts what runs beside requests
 */
export async function countStatements<R>(
  dataSource: DataSource,
  fn: () => Promise<R>,
  everything = false,
): Promise<{ result: R; count: number; statements: string[] }> {
  const statements: string[] = [];
  const before = dataSource.logger;
  const counting: Logger = {
    logQuery: (query) => {
      if (everything || !BESIDE.some((pattern) => pattern.test(query))) statements.push(query);
    },
    logQueryError: () => undefined,
    logQuerySlow: () => undefined,
    logSchemaBuild: () => undefined,
    logMigration: () => undefined,
    log: () => undefined,
  };
  dataSource.logger = counting;
  try {
    const result = await fn();
    return { result, count: statements.length, statements };
  } finally {
    dataSource.logger = before;
  }
}
