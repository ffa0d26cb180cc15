/** What runs by the clock. node-cron writes what it has to say, in colours and without the task's name, onto the terminal: here it goes to the log. */
import nodeCron, { type ScheduledTask } from 'node-cron';
import type { Logger } from 'pino';

export type { ScheduledTask } from 'node-cron';

/**
 * Runs a task by a cron expression (seconds allowed, in UTC) until it is destroyed. While it runs it does not begin again.
 * @param name says in the log which task it was
 */
export function schedule(expression: string, name: string, log: Logger, task: () => unknown): ScheduledTask {
  return nodeCron.schedule(expression, task, {
    noOverlap: true,
    timezone: 'UTC',
    name,
    suppressMissedWarning: true,
    logger: {
      info: (message) => log.info({ task: name }, message),
      warn: (message) => log.warn({ task: name }, message),
      error: (message, error) => log.error({ task: name, err: error ?? (message instanceof Error ? message : undefined) }, String(message)),
      debug: (message, error) => log.debug({ task: name, err: error }, String(message)),
    },
  });
}
