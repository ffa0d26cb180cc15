/** What a feature is. features.ts lists them all; the app, the API, the schema, the database's entities and the lint rules follow from that list. */
import type { FastifyPluginAsync } from 'fastify';
import type { ResolverClass } from './api/create-schema.js';
import type { StateGauge } from './api/metrics.js';
import type { NodeSource } from './api/node.resolver.js';
import type { EntityClass } from './database/data-source.js';
import type { Fence } from './database/leadership.js';

/** A feature that was made, as the app runs it. What a feature does not need it leaves out. */
export interface RunningFeature {
  /** One instance of each of its resolver classes. */
  readonly resolvers: readonly object[];
  /** How its types that implement Node are found by id. */
  readonly nodes?: readonly NodeSource[];
  /** Its HTTP routes. Their callers are authenticated. */
  readonly routes?: readonly FastifyPluginAsync[];
  /** What `/metrics` says of it. */
  readonly gauges?: readonly StateGauge[];
  /** What it does when a NOTIFY channel (database/notification-names.ts) wakes. Must not throw. */
  readonly wakes?: Readonly<Record<string, () => unknown>>;
  /** What has to be done before the first caller. It runs beside that of the other features, once leadership was stood for. */
  readonly beforeApi?: () => Promise<unknown>;
  /** What begins once callers are served. */
  readonly afterApi?: () => void;
  /** What it does while this server leads, until `signal` aborts. The features after it in the list begin theirs when the promise resolves. */
  readonly lead?: (fence: Fence, signal: AbortSignal) => void | Promise<void>;
  /** Removes what is past its time. The leader calls it every hour. @throws NotLeaderError */
  readonly tidy?: (fence: Fence, now: Date) => Promise<unknown>;
  /** Ends what the feature does by itself on any server. May be called twice. */
  readonly stop?: () => Promise<void>;
  /** Waits, after the lead has ended, for what is still under way of it. */
  readonly idle?: () => Promise<void>;
}

/** What a feature is made by. It is most of the feature's code, and loaded only when it is needed. */
export interface FeatureModule<Parts, Running extends RunningFeature> {
  /** Every class of the feature with resolvers; `create` gives an instance of each. */
  readonly resolvers: readonly ResolverClass[];
  readonly create: (parts: Parts) => Running | Promise<Running>;
}

/** What is known of a feature before it is loaded. */
export interface Feature<Parts, Running extends RunningFeature> {
  readonly entities: readonly EntityClass[];
  load(): Promise<FeatureModule<Parts, Running>>;
}

/** Features in their order: each is made of the core's parts and of the features before it, by name, which the compiler checks. */
export class FeatureList<Core extends object, Made extends object = object> {
  private constructor(private readonly features: readonly (readonly [name: string, feature: Feature<never, RunningFeature>])[]) {}

  static over<Core extends object>(): FeatureList<Core> {
    return new FeatureList([]);
  }

  /** @param name the feature's folder, and what later features call it */
  add<Name extends string, Running extends RunningFeature>(
    name: Name,
    feature: Feature<Core & Made, Running>,
  ): FeatureList<Core, Made & Readonly<Record<Name, Running>>> {
    return new FeatureList([...this.features, [name, feature]]);
  }

  get entities(): readonly EntityClass[] {
    return this.features.flatMap(([, { entities }]) => entities);
  }

  /** The resolver classes of all features. */
  async resolvers(): Promise<readonly ResolverClass[]> {
    return (await this.load()).flatMap(({ resolvers }) => resolvers);
  }

  /** Makes one feature after the other. */
  async create(core: Core): Promise<Made> {
    const made: Record<string, RunningFeature> = {};
    const modules = await this.load();
    for (const [i, [name]] of this.features.entries()) made[name] = await modules[i]!.create({ ...core, ...made } as never);
    return made as Made;
  }

  private load(): Promise<FeatureModule<never, RunningFeature>[]> {
    return Promise.all(this.features.map(([, feature]) => feature.load()));
  }
}
