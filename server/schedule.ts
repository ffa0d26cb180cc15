/**
 * What runs by the clock. node-cron says when, and this decides what to do about it: node-cron's own timers go through every missed run
 * after the machine slept (seconds of this thread for days of sleep), and stand still for as long as the clock was set back.
 */
import nodeCron from 'node-cron';
import type { Logger } from 'pino';

export interface ScheduledTask {
  /** It does not begin again. */
  destroy(): void;
}

/** The clock is looked at this often, whenever the next run is: it may be set, or the machine may sleep. */
const LOOK_MS = 10_000;

/**
 * Runs a task by a cron expression (seconds allowed, in UTC) until it is destroyed. While it runs it does not begin again. What was missed
 * is left out: the task runs once, however many runs were due.
 * @param name says in the log which task it was
 */
export function schedule(expression: string, name: string, log: Logger, task: () => unknown): ScheduledTask {
  const cron = nodeCron.createTask(expression, () => undefined, { timezone: 'UTC' });
  const nextRun = (): number => cron.getNextRuns(1)[0]!.getTime();
  let due = nextRun();
  let timer: NodeJS.Timeout;
  let running = false;
  const run = async (): Promise<void> => {
    if (running) return log.warn({ task: name }, 'the task is still running: this run is left out');
    running = true;
    try {
      await task();
    } catch (error) {
      log.error({ task: name, err: error }, 'the task failed');
    } finally {
      running = false;
    }
  };
  const look = (): void => {
    if (Date.now() >= due) void run();
    // Asked anew each time: a clock that was set back has brought the next run nearer.
    due = nextRun();
    wait();
  };
  const wait = (): void => {
    timer = setTimeout(look, Math.min(Math.max(0, due - Date.now()), LOOK_MS));
  };
  wait();
  return {
    destroy: () => {
      clearTimeout(timer);
      void cron.destroy();
    },
  };
}
