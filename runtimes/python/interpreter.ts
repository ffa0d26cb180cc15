/** The script that an interpreter runs to host a model, and what it says of the interpreter itself. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const CHECK_MS = 30_000;

const factsSchema = z.object({
  version: z.string(),
  /** Version of each library for models that it has. */
  libraries: z.record(z.string(), z.string()),
  /** Whether a requirements.txt can be installed: with uv or pip. */
  canInstall: z.boolean(),
  /** What cannot be taken away from a model's process on this system, in words. */
  sandboxLacks: z.array(z.string()),
});
export type InterpreterFacts = z.infer<typeof factsSchema>;

/** @throws Error where the interpreter cannot be run, or not this script */
export function checkInterpreter(python: string): Promise<InterpreterFacts> {
  return new Promise((resolve, reject) => {
    execFile(python, ['-B', startScript(), '--check'], { timeout: CHECK_MS }, (error, stdout, stderr) => {
      const facts = error ? undefined : readFacts(stdout);
      if (facts) resolve(facts);
      else reject(new Error(stderr.trim().split('\n').at(-1) || error?.message || 'it does not behave like Python', { cause: error }));
    });
  });
}

function readFacts(text: string): InterpreterFacts | undefined {
  try {
    return factsSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // another program than Python
  }
}

/** Beside the sources, whether this runs from them, from `dist/` or from a bundle. */
export const startScript = (): string => join(hostFolder(), 'start.py');

function hostFolder(from = dirname(fileURLToPath(import.meta.url))): string {
  const folder = join(from, 'runtimes', 'python', 'host');
  return existsSync(join(folder, 'start.py')) || dirname(from) === from ? folder : hostFolder(dirname(from));
}
