/** `pilothouse stop`: ends what runs for PILOTHOUSE_HOME, and says what that was. */
import { readConfig } from './config.js';
import { stopHome } from './lifecycle/stop-home.js';
import { complain, terminal } from './lifecycle/terminal.js';

try {
  const say = terminal();
  const { home } = readConfig();
  const stopped = await stopHome(home, say);
  say(stopped.length === 0 ? `Nothing runs in ${home}.` : `Stopped ${stopped.join(', ')}.`);
} catch (error) {
  complain(error);
  process.exitCode = 1;
}
