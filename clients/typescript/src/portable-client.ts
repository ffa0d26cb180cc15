/** The whole client, save for the platform that it runs on. */
import { tensorFromJson, tensorToJson } from '../../../runtimes/open-inference/json.js';
import type { Tensor } from '../../../runtimes/tensor.js';
import { toRef, type DeploymentRef } from './deployments.js';
import * as operations from './generated/operations.js';
import { inferAt, toTensor, type Inference, type InferenceOptions, type InputTensor } from './inference.js';
import { Monitoring } from './monitoring.js';
import { made, type ListOptions, type RequestOptions } from './requests.js';

type Applied = operations.ApplyConfigMutation['applyConfig'];
/** One field that `applyConfig` changes, or would change. */
export type ConfigurationChange = NonNullable<Applied['changes']>[number];
/** A document of `pilothouse.yaml`. */
export type ConfigurationDocument = Readonly<Record<string, unknown>>;
export type AuditEntry = operations.AuditEntriesQuery['auditEntries']['nodes'][number];

/** Every method throws PilothouseError for what Pilothouse refuses. Nothing is kept open save while events are followed. */
export abstract class PortableClient extends Monitoring {
  /**
   * Makes the configuration what the documents say, in one transaction: all of it, or nothing.
   * @returns the changes; empty where nothing differs
   */
  async applyConfig(
    documents: readonly ConfigurationDocument[],
    { signal, ...options }: RequestOptions & { readonly dryRun?: boolean; readonly prune?: boolean; readonly reason?: string } = {},
  ): Promise<readonly ConfigurationChange[]> {
    const { applyConfig } = await this.request(operations.ApplyConfigDocument, { input: { ...options, documents } }, signal);
    return made(applyConfig, applyConfig.changes);
  }

  /** What is configured, as documents. Applying them changes nothing. */
  async exportConfig({ signal, project }: RequestOptions & { readonly project?: string } = {}): Promise<readonly ConfigurationDocument[]> {
    return (await this.request(operations.ExportConfigDocument, { project: project ?? null }, signal)).exportConfig;
  }

  tokens(options: ListOptions = {}): AsyncGenerator<operations.TokenFieldsFragment, void, undefined> {
    return this.list(operations.TokensDocument, {}, ({ tokens }) => tokens, options);
  }

  /** Who changed what, newest first. */
  auditEntries({ actor, project, ...options }: ListOptions & { readonly actor?: string; readonly project?: string } = {}): AsyncGenerator<
    AuditEntry,
    void,
    undefined
  > {
    return this.list(operations.AuditEntriesDocument, { actor: actor ?? null, project: project ?? null }, ({ auditEntries }) => auditEntries, options);
  }

  /**
   * An inference through the gateway.
   * @param endpoint the deployment's endpoint: `digits`, or `vision.digits` in the project `vision`
   * @param inputs by name
   */
  infer(endpoint: string, inputs: Readonly<Record<string, InputTensor>>, options: InferenceOptions = {}): Promise<Inference> {
    return inferAt(this.platform, { gatewayUrl: this.gatewayUrl, token: this.token, name: endpoint }, inputs, options);
  }

  /** The same through the control plane, where the gateway cannot be reached. */
  async inferThroughApi(
    deployment: DeploymentRef,
    inputs: Readonly<Record<string, InputTensor>>,
    { outputs, signal }: Pick<InferenceOptions, 'outputs' | 'signal'> = {},
  ): Promise<{ version: number | null; outputs: Readonly<Record<string, Tensor>> }> {
    const tensors = Object.entries(inputs).map(([name, input]) => tensorToJson(toTensor(name, input)));
    const input = { deployment: toRef(deployment), inputs: tensors, ...(outputs && { outputs }) };
    const { infer } = await this.request(operations.InferDocument, { input }, signal);
    const given = made(infer, infer.outputs);
    return { version: infer.versionNumber, outputs: Object.fromEntries(given.map((output) => [output.name, tensorFromJson(output, 'output')])) };
  }
}
