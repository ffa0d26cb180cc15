/** The API as it ships over a monitored world, and mutations that come back as payloads. */
import { expect } from 'vitest';
import { createConfiguration } from '../../server/configuration/configuration.js';
import { createExplanation } from '../../server/explanation/explanation.js';
import { type GraphqlAnswer, startTestApi, type TestApi } from './api.js';
import { MonitoredWorld } from './monitored-world.js';

export type Payload = { userErrors: { code: string; message: string; field: string[] }[] } & Record<string, Record<string, never> | null>;

export interface MonitoredApi {
  readonly api: TestApi;
  readonly world: MonitoredWorld;
  /** Calls a mutation; anything but an answer fails the test. */
  mutate(field: string, selection: string, input: object): Promise<Payload>;
  close(): Promise<void>;
}

export async function startMonitoredApi(): Promise<MonitoredApi> {
  let world: MonitoredWorld | undefined;
  const api = await startTestApi({
    features: async ({ database, notifier }) => {
      world = await MonitoredWorld.create({ database, notifier });
      return [world.registry, world.deployments, world.monitoring, world.autoscaling, createConfiguration(world), createExplanation(world)];
    },
  });
  return {
    api,
    world: world!,
    mutate: async (field, selection, input) => {
      const type = `${field[0]!.toUpperCase()}${field.slice(1)}Input!`;
      const answer = await api.graphql(`mutation ($input: ${type}) { ${field}(input: $input) { ${selection} userErrors { code message field } } }`, { input });
      expect(answer.errors).toBeUndefined();
      return answer.data![field] as unknown as Payload;
    },
    close: async () => {
      await api.close();
      await world?.drop();
    },
  };
}

/** What a mutation made; any user error fails the test. */
export function made(answer: Payload, what: string): { id: string } & Record<string, never> {
  expect(answer.userErrors).toEqual([]);
  return answer[what] as never;
}

/** An answer's data; any error fails the test. */
export function data(answer: GraphqlAnswer): Record<string, unknown> {
  expect(answer.errors).toBeUndefined();
  return answer.data!;
}
