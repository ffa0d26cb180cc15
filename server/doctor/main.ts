/** What Pilothouse needs of this machine, each thing with what to do about it. Loaded by the command line; it starts nothing. */
import { readConfig } from '../config.js';
import { explain } from '../lifecycle/terminal.js';
import { CHECKS } from './checks.js';
import type { Finding } from './finding.js';

export async function doctor(): Promise<Finding[]> {
  let config;
  try {
    config = readConfig();
  } catch (error) {
    return [{ name: 'settings', state: 'FAILED', message: explain(error), advice: 'correct the environment variable; "pilothouse help" lists them' }];
  }
  const findings: Finding[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    try {
      findings.push({ name, ...(await check(config)) });
    } catch (error) {
      findings.push({
        name,
        state: 'FAILED',
        message: `could not be checked: ${explain(error)}`,
        advice: 'run "pilothouse doctor --debug" and report what it says',
      });
    }
  }
  return findings;
}
