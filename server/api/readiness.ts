/** Whether this server can serve: the database answers, its migrations have run, and the app says so. */
import type { DataSource } from 'typeorm';

/** Undefined when ready, else the reason why not, in a few words. */
export type Readiness = () => Promise<string | undefined>;

const TIMEOUT_MS = 2_000;

export function databaseReadiness(dataSource: DataSource, app: Readiness = async () => undefined): Readiness {
  let migrated = false;
  return async () => {
    const reason = await app();
    if (reason !== undefined) return reason;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('late')), TIMEOUT_MS);
    });
    try {
      await Promise.race([dataSource.query('SELECT 1'), late]);
      // A migration that ran stays run.
      migrated ||= !(await Promise.race([dataSource.showMigrations(), late]));
      return migrated ? undefined : 'migrations have not run';
    } catch {
      return 'the database does not answer';
    } finally {
      clearTimeout(timer);
    }
  };
}
