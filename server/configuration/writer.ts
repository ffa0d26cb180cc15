/** Makes one object as it is wanted, through the service of its feature. */
import type { ScalingRules } from '../autoscaling/decide.js';
import type { ScalingPolicyService } from '../autoscaling/scaling-policy.service.js';
import type { Actor } from '../database/unit-of-work.js';
import type { TargetSpec } from '../deployments/deployment.entities.js';
import type { DeploymentService } from '../deployments/deployment.service.js';
import type { SpecChange } from '../deployments/spec.js';
import { DomainError } from '../errors.js';
import type { AlertRuleSpec, MonitorSpec } from '../monitoring/monitor-input.js';
import type { MonitorService } from '../monitoring/monitor.service.js';
import type { MonitorUpdates } from '../monitoring/monitor-updates.js';
import type { ModelService } from '../registry/model.service.js';
import type { ProjectService } from '../registry/project.service.js';
import type { VersionService } from '../registry/version.service.js';
import type { ConfigurationObject } from './documents.js';
import type { Stored } from './state.js';

export interface ConfigurationServices {
  readonly projects: ProjectService;
  readonly models: ModelService;
  readonly versions: VersionService;
  readonly deployments: DeploymentService;
  readonly policies: ScalingPolicyService;
  readonly monitors: MonitorService;
  readonly monitorUpdates: MonitorUpdates;
}

const POLICY = { minReplicas: 1, windowMs: 30_000, scaleDownWindowMs: 300_000 };
const MONITOR = { windowMs: 300_000, minimumRequests: 10 };
const RULE = { comparison: 'GREATER_THAN', consecutiveRuns: 1, severity: 'WARNING' };

interface DocumentTarget {
  readonly version: string;
  readonly weight: number;
  readonly shadowPercent: number;
}

export class ConfigurationWriter {
  constructor(private readonly services: ConfigurationServices) {}

  /** Creates the object, or changes the one that is stored. @throws DomainError */
  async write(actor: Actor, wanted: ConfigurationObject, stored: Stored | undefined, reason: string): Promise<void> {
    const { projects, models, policies } = this.services;
    const { project, name, fields } = wanted;
    const description = (fields['description'] ?? '') as string;
    switch (wanted.kind) {
      case 'Project':
        await (stored ? projects.update(actor, { name, description }) : projects.create(actor, { name, description }));
        return;
      case 'Model':
        await (stored ? models.update(actor, { project, name, description }) : models.create(actor, { project, name, description }));
        return;
      case 'Deployment':
        return this.writeDeployment(actor, wanted, reason);
      case 'ScalingPolicy': {
        const rules = needed<ScalingRules>({ ...POLICY, ...stored?.fields, ...fields }, 'maxReplicas', 'targetInFlight');
        await policies.set(actor, { ...rules, deployment: { project, name }, input: {} });
        return;
      }
      case 'Monitor':
        return this.writeMonitor(actor, wanted, stored);
      case 'AlertRule':
        return this.writeAlertRule(actor, wanted, stored);
    }
  }

  /** @throws DomainError INVALID for what cannot be deleted */
  async delete(actor: Actor, { kind, project, name, id }: Stored, reason: string): Promise<void> {
    const { deployments, policies, monitors } = this.services;
    if (kind === 'Deployment') await deployments.delete(actor, { ref: { id }, reason });
    else if (kind === 'ScalingPolicy') await policies.delete(actor, { project, name });
    else if (kind === 'Monitor') await monitors.deleteMonitor(actor, id);
    else if (kind === 'AlertRule') await monitors.deleteAlertRule(actor, id);
    else throw new DomainError('INVALID', `a ${kind} cannot be deleted`);
  }

  private async writeDeployment(actor: Actor, { project, name, fields }: ConfigurationObject, reason: string): Promise<void> {
    const { targets, memoryLimitBytes, ...rest } = fields;
    const spec: SpecChange = { ...rest };
    if (targets !== undefined) spec.targets = await this.resolveTargets(project, targets as readonly DocumentTarget[]);
    if (memoryLimitBytes !== undefined) spec.memoryLimitBytes = memoryLimitBytes === null ? null : Number(memoryLimitBytes);
    await this.services.deployments.deploy(actor, { project, name, spec, reason, input: {} });
  }

  /** The object with numbers in place of aliases: that is what is stored, and what it is compared with. @throws DomainError */
  async withoutAliases(object: ConfigurationObject): Promise<ConfigurationObject> {
    const targets = object.fields['targets'] as readonly DocumentTarget[] | undefined;
    if (!targets?.some(({ version }) => version.includes('@'))) return object;
    const numbered: DocumentTarget[] = [];
    for (const [i, target] of targets.entries()) numbered.push({ ...target, version: await this.numberOf(object.project, target.version, i) });
    return { ...object, fields: { ...object.fields, targets: numbered } };
  }

  /** `churn:3` for `churn@champion`. */
  private async numberOf(project: string, reference: string, index: number): Promise<string> {
    const [, model, alias] = /^([^@]+)@([^@]+)$/.exec(reference) ?? [];
    if (!model) return reference;
    const found = await this.services.versions.byAlias(project, model, alias!);
    if (!found) throw new DomainError('NOT_FOUND', `project "${project}" has no alias ${reference.slice(0, 80)}`, ['targets', String(index), 'version']);
    return `${model}:${found.number}`;
  }

  private async resolveTargets(project: string, targets: readonly DocumentTarget[]): Promise<TargetSpec[]> {
    const resolved: TargetSpec[] = [];
    // One after the other: a transaction has one connection.
    for (const [i, { version, weight, shadowPercent }] of targets.entries())
      resolved.push({ versionId: await this.resolveVersion(project, version, ['targets', String(i), 'version']), weight, shadowPercent });
    return resolved;
  }

  private async resolveVersion(project: string, reference: string, field: string[]): Promise<string> {
    const [, model, number] = /^([^:]+):([1-9]\d{0,8})$/.exec(reference) ?? [];
    if (!model)
      throw new DomainError(
        'INVALID',
        `"${reference.slice(0, 80)}" is not a version; write the model and the number or an alias, such as churn:3 or churn@champion`,
        field,
      );
    const found = await this.services.versions.byName(project, model, Number(number));
    if (!found) throw new DomainError('NOT_FOUND', `project "${project}" has no version ${reference.slice(0, 80)}`, field);
    return found.id;
  }

  private async writeMonitor(actor: Actor, { project, name: path, fields }: ConfigurationObject, stored: Stored | undefined): Promise<void> {
    const { monitors, monitorUpdates } = this.services;
    const [deployment, name] = path.split('/') as [string, string];
    if (!stored) {
      const spec = needed<MonitorSpec>({ ...MONITOR, ...fields }, 'cron', 'metric');
      await monitors.createMonitor(actor, { ...spec, deployment: { project, name: deployment }, name, input: {} });
      return;
    }
    const metric = stored.fields['metric'] as string;
    if (fields['metric'] !== undefined && fields['metric'] !== metric)
      throw new DomainError(
        'INVALID',
        `metric is ${fields['metric'] as string}, but the monitor measures ${metric}; a metric cannot change, so choose another name`,
        ['metric'],
      );
    await monitorUpdates.updateMonitor(actor, stored.id, fields);
  }

  private async writeAlertRule(actor: Actor, { project, name: path, fields }: ConfigurationObject, stored: Stored | undefined): Promise<void> {
    const { monitors, monitorUpdates } = this.services;
    if (stored) {
      await monitorUpdates.updateAlertRule(actor, stored.id, fields);
      return;
    }
    const [deployment, monitorName, name] = path.split('/') as [string, string, string];
    const monitor = await monitors.byName({ project, name: deployment }, monitorName);
    if (!monitor) throw new DomainError('NOT_FOUND', `deployment "${deployment}" has no monitor "${monitorName.slice(0, 80)}"`, ['monitor']);
    const spec = needed<AlertRuleSpec>({ ...RULE, ...fields }, 'threshold');
    await monitors.createAlertRule(actor, { ...spec, monitorId: monitor.id, name, input: {} });
  }
}

/** @throws DomainError INVALID for a field without a value */
function needed<T>(fields: Record<string, unknown>, ...names: string[]): T {
  const missing = names.find((name) => fields[name] == null);
  if (missing) throw new DomainError('INVALID', `${missing} is missing; it is needed at creation`, [missing]);
  return fields as T;
}
