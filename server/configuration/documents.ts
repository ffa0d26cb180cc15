/** What a document of `pilothouse.yaml` may say. Ranges and names are checked by the services, so that they are the same everywhere. */
import { z } from 'zod';

const project = z.string().default('default').describe('Name of the project.');
const deployment = z.string().describe('Name of the deployment, in the project.');
const description = z.string().optional().describe('Text for people, at most 10,000 characters.');

const target = z
  .strictObject({
    version: z
      .string()
      .describe('A version of a model in the project, such as `churn:3`, or `churn@champion` for the one that an alias names when it is applied.'),
    weight: z.int().optional().describe('Its share of the traffic, relative to the sum of the weights. Default 100, and 0 for a shadow.'),
    shadowPercent: z.number().default(0).describe('Makes the target a shadow: it gets a copy of this percentage of the requests.'),
  })
  .describe('One version that gets a share of the traffic, or a copy of it.');

const projectDocument = z.strictObject({ kind: z.literal('Project'), name: z.string(), description }).describe('A project.');

const modelDocument = z.strictObject({ kind: z.literal('Model'), project, name: z.string(), description }).describe('A model. Its versions are pushed.');

const deploymentDocument = z
  .strictObject({
    kind: z.literal('Deployment'),
    project,
    name: z.string(),
    targets: z.array(target).optional().describe('The versions that get the traffic. Required for a new deployment.'),
    replicas: z.int().optional().describe('Replicas of each target, 1 to 64.'),
    timeoutMs: z.int().optional().describe('How long a request may take from its arrival.'),
    maxConcurrency: z.int().optional().describe('Inferences that one replica works on at a time.'),
    maxQueue: z.int().optional().describe('Requests that may wait in each gateway process.'),
    batching: z.enum(['AUTO', 'ON', 'OFF']).optional().describe('Whether waiting requests are merged into one inference.'),
    maxBatchSize: z.int().optional().describe('Most rows of one merged inference, 1 to 4096.'),
    maxDelayMs: z.number().optional().describe('How long a request may wait for others to be merged with.'),
    stickyHeader: z.string().nullable().optional().describe('Name of a request header. Requests with the same value go to the same version.'),
    threads: z.int().optional().describe('Threads of one replica.'),
    memoryLimitBytes: z
      .string()
      .regex(/^\d{1,15}$/)
      .nullable()
      .optional()
      .describe('Memory that a replica may use in addition to its idle runtime, in bytes, as text.'),
  })
  .describe('A deployment: which versions serve under its name, and how.');

const scalingPolicyDocument = z
  .strictObject({
    kind: z.literal('ScalingPolicy'),
    project,
    deployment,
    minReplicas: z.int().optional().describe('Fewest replicas of each target.'),
    maxReplicas: z.int().optional().describe('Most replicas of each target. Required for a new policy.'),
    targetInFlight: z.number().optional().describe('Requests in flight that one replica should have, including waiting ones. Required for a new policy.'),
    windowMs: z.int().optional().describe('Time over which the load is averaged.'),
    scaleDownWindowMs: z.int().optional().describe('Replicas stop only when fewer were enough for this whole time.'),
  })
  .describe('Adjusts the number of replicas of a deployment to its load.');

const monitorDocument = z
  .strictObject({
    kind: z.literal('Monitor'),
    project,
    deployment,
    name: z.string(),
    cron: z.string().optional().describe('When it runs, as a cron expression in UTC, such as `*/5 * * * *`. Required for a new monitor.'),
    metric: z.enum(['ERROR_RATE', 'LATENCY']).optional().describe('The value that it computes. Required for a new monitor; it cannot change.'),
    quantile: z.number().nullable().optional().describe('For LATENCY: the quantile, between 0 and 1. Null for other metrics.'),
    windowMs: z.int().optional().describe('How far back a run looks.'),
    minimumRequests: z.int().optional().describe('Fewest requests that a run needs. A run over fewer has NO_DATA.'),
  })
  .describe('A check of a deployment, run by a schedule.');

const alertRuleDocument = z
  .strictObject({
    kind: z.literal('AlertRule'),
    project,
    deployment,
    monitor: z.string().describe('Name of the monitor, in the deployment.'),
    name: z.string(),
    comparison: z.enum(['GREATER_THAN', 'LESS_THAN']).optional().describe('Whether a value above or below the threshold raises an alert.'),
    threshold: z.number().optional().describe('An error rate as a fraction, or a latency in milliseconds. Required for a new rule.'),
    consecutiveRuns: z.int().optional().describe('How many runs in a row must agree. Runs without data do not count.'),
    severity: z.enum(['INFO', 'WARNING', 'CRITICAL']).optional().describe('How urgent its alerts are.'),
  })
  .describe("A condition on a monitor's value. Alerts fire when it holds.");

const BY_KIND = {
  Project: projectDocument,
  Model: modelDocument,
  Deployment: deploymentDocument,
  ScalingPolicy: scalingPolicyDocument,
  Monitor: monitorDocument,
  AlertRule: alertRuleDocument,
} as const;

export type Kind = keyof typeof BY_KIND;
/** In the order in which objects are made: what others belong to comes first. */
export const KINDS = Object.keys(BY_KIND) as Kind[];
export const configurationDocument = z.discriminatedUnion('kind', Object.values(BY_KIND) as never);

/** An object of the configuration: what names it, and its other fields. */
export interface ConfigurationObject {
  readonly kind: Kind;
  readonly project: string;
  /** Its name below the project: `churn/errors/too-many` is the rule `too-many` of the monitor `errors` of `churn`. */
  readonly name: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface DocumentProblem {
  readonly field: readonly string[];
  readonly message: string;
}

/** The object that a document describes, or what is wrong with the document. */
export function readDocument(document: unknown): ConfigurationObject | DocumentProblem[] {
  const kind = (document as { kind?: unknown } | null)?.kind;
  if (typeof kind !== 'string' || !Object.hasOwn(BY_KIND, kind))
    return [{ field: ['kind'], message: `kind is ${JSON.stringify(kind) ?? 'missing'}; it must be ${KINDS.slice(0, -1).join(', ')} or ${KINDS.at(-1)}` }];
  const schema: z.ZodObject = BY_KIND[kind as Kind];
  const parsed = schema.safeParse(document);
  if (!parsed.success) return parsed.error.issues.flatMap((issue) => problemsOf(issue, Object.keys(schema.shape)));
  const { kind: _, project: inProject, deployment: ofDeployment, monitor, name, ...rest } = parsed.data as Record<string, unknown>;
  const names = [ofDeployment, monitor, name].filter((part) => part !== undefined) as string[];
  const fields = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  if (fields['targets']) fields['targets'] = (fields['targets'] as z.infer<typeof target>[]).map(targetFields);
  return { kind: kind as Kind, project: kind === 'Project' ? (name as string) : (inProject as string), name: names.join('/'), fields };
}

/** The document that describes an object. */
export function toDocument({ kind, project: inProject, name, fields }: ConfigurationObject): Record<string, unknown> {
  const parts = name.split('/');
  const names = {
    Project: { name },
    Model: { project: inProject, name },
    Deployment: { project: inProject, name },
    ScalingPolicy: { project: inProject, deployment: name },
    Monitor: { project: inProject, deployment: parts[0], name: parts[1] },
    AlertRule: { project: inProject, deployment: parts[0], monitor: parts[1], name: parts[2] },
  }[kind];
  return { kind, ...names, ...fields };
}

const targetFields = ({ version, weight, shadowPercent }: z.infer<typeof target>): object => ({
  version,
  weight: weight ?? (shadowPercent > 0 ? 0 : 100),
  shadowPercent,
});

function problemsOf(issue: z.core.$ZodIssue, allowed: readonly string[]): DocumentProblem[] {
  const field = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const right = field.length === 0 ? allowed : Object.keys(target.shape);
    return issue.keys.map((key) => ({ field: [...field, key], message: `unknown field; the fields are ${right.join(', ')}` }));
  }
  return [{ field, message: issue.message }];
}
