/** Watching: `monitors`, `monitor`, `alerts`. */
import type { Command } from 'commander';
import * as operations from '../../typescript/src/generated/operations.js';
import { fromUserErrors } from '../../typescript/src/errors.js';
import { addCommand, addGroup } from '../command.js';
import { EXIT, CommandError, notFound } from '../exit-codes.js';
import { time } from '../output.js';
import { readPages } from '../pages.js';
import { findDeployment, noDeployment, parseName } from '../references.js';
import type { Session } from '../session.js';
import { decimal, duration, integer, oneOf } from '../values.js';
import { limitOption } from './look.js';

interface Limited {
  readonly limit: number;
}

interface NewMonitor {
  readonly kind: string;
  readonly cron: string;
  readonly window?: number;
  readonly minimumRequests?: number;
  readonly quantile?: number;
  readonly above?: number;
  readonly below?: number;
  readonly runs?: number;
  readonly alert?: string;
}

export function addMonitorCommands(program: Command): void {
  addCommand<Limited>(program, 'monitors <deployment>', {
    does: 'list the monitors of a deployment, with their newest run',
    examples: ['monitors digits', 'monitors digits --json'],
    options: limitOption(1000),
    run: async (session, [text], { limit }) => {
      const name = parseName(text!, session.project);
      const monitors = await readPages(limit, async (page) => {
        const { deployment } = await session.client.request(operations.MonitorsDocument, { ...name, ...page });
        if (!deployment) throw noDeployment(name);
        return deployment.monitors;
      });
      session.output.result(monitors, () =>
        session.output.table(
          ['MONITOR', 'METRIC', 'CRON', 'ALERTS', 'LAST RUN', 'VALUE', 'REASON'],
          monitors.map((each) => {
            const run = each.runs.nodes[0];
            const rules = each.alertRules.nodes.map((rule) => `${rule.severity} ${rule.comparison === 'LESS_THAN' ? '<' : '>'} ${rule.threshold}`).join(', ');
            return [each.name, each.metric, each.cron, rules, run?.state ?? 'not yet', run?.value, run?.reason];
          }),
          `${name.name} has no monitors; "pilothouse monitor create ${name.name} MONITOR" makes one`,
        ),
      );
    },
  });
  const group = addGroup(program, 'monitor', 'checks of a deployment that run on a schedule');
  addCommand<NewMonitor>(group, 'create <deployment> <monitor>', {
    does: 'make a monitor, with an alert rule where --above or --below is given',
    examples: [
      'monitor create digits errors --kind error_rate --cron "*/5 * * * *" --above 0.05 --alert critical',
      'monitor create digits slow --kind latency --quantile 0.99 --cron "* * * * *" --window 5m --above 200',
    ],
    options: (command) =>
      command
        .requiredOption('--kind <metric>', 'error_rate or latency')
        .requiredOption('--cron <expression>', 'when it runs, in UTC')
        .option('--window <time>', 'time before a run that it evaluates, 5m by default', (text) => duration(text, '--window'))
        .option('--minimum-requests <n>', 'fewest requests that a run needs to have data', (text) => integer(text, '--minimum-requests', 1))
        .option('--quantile <q>', 'quantile of the latency', (text) => decimal(text, '--quantile'))
        .option('--above <n>', 'alert above this value', (text) => decimal(text, '--above'))
        .option('--below <n>', 'alert below this value', (text) => decimal(text, '--below'))
        .option('--runs <n>', 'runs in a row that must be above or below', (text) => integer(text, '--runs', 1))
        .option('--alert <severity>', 'info, warning or critical'),
    run: createMonitor,
  });
  addCommand(group, 'run <deployment> <monitor>', {
    does: 'run a monitor now, and show what it found',
    examples: ['monitor run digits errors', 'monitor run digits errors --json'],
    run: async (session, [deployment, monitor]) => {
      const { id } = await findMonitor(session, deployment!, monitor!);
      const { runMonitor } = await session.client.request(operations.RunMonitorDocument, { input: { id } });
      if (runMonitor.userErrors.length > 0) throw fromUserErrors(runMonitor.userErrors);
      const run = runMonitor.run!;
      session.output.result(run, () => session.output.line(`${monitor} ${run.state}${run.value === null ? '' : ` ${run.value}`}: ${run.reason}`));
      if (run.state === 'FAILED') throw new CommandError(EXIT.failed, `the run of ${monitor} failed: ${run.reason}`);
    },
  });
  addCommand(group, 'delete <deployment> <monitor>', {
    does: 'delete a monitor and its alert rules',
    examples: ['monitor delete digits errors', 'monitor delete vision/digits slow'],
    run: async (session, [deployment, monitor]) => {
      const { id } = await findMonitor(session, deployment!, monitor!);
      const { deleteMonitor } = await session.client.request(operations.DeleteMonitorDocument, { input: { id } });
      if (deleteMonitor.userErrors.length > 0) throw fromUserErrors(deleteMonitor.userErrors);
      session.output.result(deleteMonitor.monitor, () => session.output.line(`deleted the monitor ${monitor} of ${deployment}`));
    },
  });
  addCommand<Limited & { watch?: boolean; state?: string }>(program, 'alerts [deployment]', {
    does: 'list the alerts, newest first, or watch them',
    examples: ['alerts --state firing', 'alerts digits --watch'],
    options: (command) =>
      limitOption(100)(command).option('--state <state>', 'firing or resolved').option('--watch', 'print each alert when it fires or is resolved'),
    run: alerts,
  });
}

async function createMonitor(session: Session, [text, name]: readonly string[], options: NewMonitor): Promise<void> {
  const metric = oneOf(options.kind, ['ERROR_RATE', 'LATENCY'] as const, '--kind');
  const severity = options.alert === undefined ? 'WARNING' : oneOf(options.alert, ['INFO', 'WARNING', 'CRITICAL'] as const, '--alert');
  const { id } = await findDeployment(session, text!);
  const input = {
    deployment: { id },
    name: name!,
    metric,
    cron: options.cron,
    ...(options.window !== undefined && { windowMs: options.window }),
    ...(options.minimumRequests !== undefined && { minimumRequests: options.minimumRequests }),
    ...(options.quantile !== undefined && { quantile: options.quantile }),
  };
  const { createMonitor: made } = await session.client.request(operations.CreateMonitorDocument, { input });
  if (made.userErrors.length > 0) throw fromUserErrors(made.userErrors);
  const monitor = made.monitor!;
  for (const [threshold, comparison, rule] of [
    [options.above, 'GREATER_THAN', 'above'],
    [options.below, 'LESS_THAN', 'below'],
  ] as const) {
    if (threshold === undefined) continue;
    const ruleInput = {
      monitor: monitor.id,
      name: rule,
      threshold,
      comparison,
      severity,
      ...(options.runs !== undefined && { consecutiveRuns: options.runs }),
    };
    const { createAlertRule } = await session.client.request(operations.CreateAlertRuleDocument, { input: ruleInput });
    if (createAlertRule.userErrors.length > 0) throw fromUserErrors(createAlertRule.userErrors);
  }
  const { monitor: whole } = await session.client.request(operations.MonitorDocument, { ...refOf(session, text!), name: name! });
  session.output.result(whole, () => session.output.line(`made the monitor ${name} of ${text}: ${metric}, ${options.cron}`));
}

function refOf(session: Session, text: string): { deployment: string; project: string } {
  const { name, project } = parseName(text, session.project);
  return { deployment: name, project };
}

async function findMonitor(session: Session, deployment: string, name: string): Promise<operations.MonitorFieldsFragment> {
  const { monitor } = await session.client.request(operations.MonitorDocument, { ...refOf(session, deployment), name });
  if (!monitor) throw notFound(`the deployment "${deployment}" has no monitor "${name}"; "pilothouse monitors ${deployment}" lists them`);
  return monitor;
}

async function alerts(session: Session, [text]: readonly string[], options: Limited & { watch?: boolean; state?: string }): Promise<void> {
  const { client, output } = session;
  const state = options.state === undefined ? null : oneOf(options.state, ['FIRING', 'RESOLVED'] as const, '--state');
  const id = text === undefined ? null : (await findDeployment(session, text)).id;
  if (options.watch) {
    const { eventCursor: after } = await client.request(operations.EventCursorDocument, {});
    const variables = { deployment: id, project: session.options.project ?? null };
    for await (const event of client.followAlerts(variables, { ...session.following, after }))
      output.item(event, `${time(event.at)} ${event.type} ${event.message}`);
    return session.following.signal?.throwIfAborted();
  }
  const list = await readPages(
    options.limit,
    async (page) => (await client.request(operations.AlertsDocument, { deployment: id === null ? null : { id }, state, ...page })).alerts,
  );
  output.result(list, () =>
    output.table(
      ['STATE', 'SEVERITY', 'DEPLOYMENT', 'RULE', 'FIRED', 'REASON'],
      list.map((each) => [each.state, each.rule.severity, each.deployment.name, each.rule.name, time(each.firedAt), each.reason]),
      'there are no alerts',
    ),
  );
}
