/** What the parts of a run share: models, what is right for them, and the systems, started when a part first wants them. */
import { modelFiles } from './support/models.mjs';
import { workload } from './support/workloads.mjs';
import { startBare } from './systems/bare.mjs';
import { expectedOutputs } from './systems/expected.mjs';
import { startPilothouse } from './systems/pilothouse.mjs';

export class Bench {
  #systems = new Map();

  /** @param {{ settings: object, say: (line: string) => void, logs: string }} run */
  constructor({ settings, say, logs }) {
    Object.assign(this, { settings, say, logs });
  }

  /** One gateway, every model deployed. */
  pilothouse() {
    return this.#once('Pilothouse', () => this.startPilothouse({ gateways: 1, models: Object.keys(this.models) }));
  }

  bare() {
    return this.#once('the bare server', () => startBare(this));
  }

  /** One of its own, for a part that wants another or will break it. @param {{ gateways: number, models: string[] }} what */
  async startPilothouse({ gateways, models }) {
    const files = Object.fromEntries(models.map((name) => [name, this.models[name]]));
    return startPilothouse({ models: files, logs: this.logs, gateways });
  }

  /** Before the first part. */
  async prepare() {
    this.models = await modelFiles();
    this.expected = await expectedOutputs(
      this.models,
      Object.keys(this.models).map((model) => workload(model, 'binary')),
    );
  }

  async stop() {
    // One that did not start has told so to the part that wanted it.
    for (const system of [...this.#systems.values()].reverse())
      await system.then(
        ({ stop }) => stop(),
        () => undefined,
      );
  }

  async #once(what, start) {
    if (!this.#systems.has(what)) {
      this.say(`starting ${what}`);
      this.#systems.set(what, start());
    }
    return this.#systems.get(what);
  }
}
