/** Runs npm and the compiler: progress, signals, and what they said. */
import { spawn } from 'node:child_process';
import { identityOf } from './lock.mjs';

const SAY_AFTER_MS = 1000;
const SAY_EVERY_MS = 10000;
const KILL_AFTER_MS = 5000;
const EXIT_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/**
 * Runs a command in a process group of its own, with a line of progress once it takes more than a second. A signal ends the
 * whole group and then this process.
 */
export function runChild(root, [file, ...args], { env, doing, done, lock, say }) {
  return new Promise((resolve) => {
    const began = Date.now();
    // The listeners come first: a signal that comes once the child has started must end it.
    let child;
    let interrupted;
    const killGroup = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        /* it has ended */
      }
    };
    const onSignal = (signal) => {
      if (interrupted) return;
      interrupted = signal;
      killGroup('SIGTERM');
      setTimeout(() => killGroup('SIGKILL'), KILL_AFTER_MS).unref();
    };
    for (const signal of Object.keys(EXIT_OF_SIGNAL)) process.on(signal, onSignal);
    child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const identity = child.pid && identityOf(child.pid);
    if (identity) lock.claim(identity);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-65536);
      });
    const progress = showProgress(doing, began, say);
    const finish = (code) => {
      progress.end();
      if (identity) lock.withdraw(identity);
      for (const signal of Object.keys(EXIT_OF_SIGNAL)) process.off(signal, onSignal);
      if (interrupted) {
        killGroup('SIGKILL');
        lock.release();
        process.stderr.write(`pilothouse: interrupted while ${doing.toLowerCase()}\n`);
        process.exit(EXIT_OF_SIGNAL[interrupted]);
      }
      const tookMs = Date.now() - began;
      if (code === 0 && tookMs >= SAY_AFTER_MS) say(`${done} in ${Math.round(tookMs / 1000)} s.`);
      resolve({ code, output });
    };
    child.once('error', (error) => {
      output += `${error.message}\n`;
      finish(error.code === 'ENOENT' ? `"${file}" not found` : error.code);
    });
    child.once('close', (code, signal) => finish(code === null ? signal : code));
  });
}

/** In a terminal one line that counts the seconds; elsewhere, such as in a log, a line now and then. */
function showProgress(doing, began, say) {
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const terminal = process.stdout.isTTY;
  let shown = 0;
  const timer = setInterval(() => {
    const elapsed = Date.now() - began;
    if (terminal) process.stdout.write(`\r${doing}… ${seconds()} s`);
    else if (shown === 0 || elapsed - shown >= SAY_EVERY_MS) {
      shown = elapsed;
      say(`${doing}… ${seconds()} s`);
    }
  }, SAY_AFTER_MS);
  return {
    end: () => {
      clearInterval(timer);
      if (terminal) process.stdout.write('\r\u001b[K');
    },
  };
}
