/** Whether the interpreter of PILOTHOUSE_PYTHON can host Python models. Nothing else needs one. */
import { checkInterpreter, type InterpreterFacts } from '../../runtimes/python/interpreter.js';
import type { Config } from '../config.js';
import { explain } from '../lifecycle/terminal.js';
import { ok, warning, type Result } from './finding.js';

export async function checkPython({ python }: Pick<Config, 'python'>): Promise<Result> {
  let facts: InterpreterFacts;
  try {
    facts = await checkInterpreter(python);
  } catch (error) {
    const advice = 'install Python 3.10 or newer, or set PILOTHOUSE_PYTHON to its path; only Python models need it';
    return warning(`${python} cannot host models: ${explain(error)}`, advice);
  }
  const { version, libraries, canInstall, sandboxLacks } = facts;
  const has = Object.entries(libraries).map((library) => library.join(' '));
  const message = `${python} ${version}${has.length > 0 ? ` with ${has.join(', ')}` : ''}`;
  if (!canInstall) return warning(`${message}: has neither uv nor pip for a requirements.txt`, 'install uv: https://docs.astral.sh/uv');
  if (sandboxLacks.length > 0)
    return warning(`${message}: models are not fully isolated: ${sandboxLacks.join('; ')}`, 'push Python models only from authors whom you trust');
  return ok(libraries['numpy'] === undefined ? `${message}, without NumPy: push each Python model with a requirements.txt` : message);
}
