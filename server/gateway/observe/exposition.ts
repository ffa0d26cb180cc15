/**
 * The text format of Prometheus (exposition format 0.0.4) for values that are counted elsewhere. Text, not prom-client's objects:
 * its histograms can only observe, and a scrape of many deployments must not hold up the requests of this very thread.
 */

/** All samples of one metric. Of several workers they stand together, under one head. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Whole lines. */
  readonly samples: readonly string[];
}

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `name="value",…` without braces. */
export function labelText(labels: Readonly<Record<string, string | number>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${String(value).replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`)
    .join(',');
}

export const sample = (name: string, labels: string, value: number): string => `${name}{${labels}} ${value}`;

/**
 * A histogram's lines: a cumulative count for each bound, the sum, the count.
 * @param counts of every bucket, the one beyond the last bound included, not cumulative
 * @param bounds index of a bucket, and its inclusive upper bound as it is shown; buckets between them are counted with the next
 */
export function histogramSamples(
  name: string,
  labels: string,
  counts: readonly number[],
  bounds: readonly (readonly [number, string])[],
  sum: number,
): string[] {
  const lines: string[] = [];
  let below = 0;
  let at = 0;
  for (const [bucket, bound] of bounds) {
    for (; at <= bucket; at++) below += counts[at]!;
    lines.push(`${name}_bucket{${labels},le="${bound}"} ${below}`);
  }
  for (; at < counts.length; at++) below += counts[at]!;
  lines.push(`${name}_bucket{${labels},le="+Inf"} ${below}`, `${name}_sum{${labels}} ${sum}`, `${name}_count{${labels}} ${below}`);
  return lines;
}

/** The families of several workers in one text, each metric once. */
export function exposition(workers: readonly (readonly MetricFamily[])[]): string {
  const byName = new Map<string, MetricFamily[]>();
  for (const family of workers.flat()) {
    const same = byName.get(family.name);
    if (same) same.push(family);
    else byName.set(family.name, [family]);
  }
  return [...byName.values()]
    .filter((families) => families.some(({ samples }) => samples.length > 0))
    .map((families) => {
      const { name, help, type } = families[0]!;
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...families.flatMap(({ samples }) => samples), ''].join('\n');
    })
    .join('\n');
}
