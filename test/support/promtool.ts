/** Prometheus's own opinion of an exposition. */
import { spawnSync } from 'node:child_process';

export const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

/** What `promtool check metrics` objects to: `''` for nothing. */
export function promtoolObjections(text: string): string {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  return status === 0 ? '' : `${stderr}${stdout}` || `promtool ended with status ${status}`;
}

/** The samples of a metric: its labels, and its value. */
export function samplesOf(text: string, name: string): { labels: Record<string, string>; value: number }[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => ({
      labels: Object.fromEntries([...line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label, value])) as Record<string, string>,
      value: Number(line.slice(line.lastIndexOf(' ') + 1)),
    }));
}
