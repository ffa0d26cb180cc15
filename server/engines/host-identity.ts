/**
 * Which machine and home a server's local engine has. Servers that share a database must agree in both: a leader elsewhere would see
 * no replica, and start every one a second time.
 */
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { look } from './look.js';

export interface HostIdentity {
  /** The same after a reboot: the machine id where the system has one, else the host's name. */
  readonly host: string;
  /** The real path of the home. */
  readonly home: string;
}

export function hostIdentity(home: string): HostIdentity {
  mkdirSync(home, { recursive: true });
  return { host: machineId() ?? hostname(), home: realpathSync(home) };
}

function machineId(): string | undefined {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const id = look(file, () => readFileSync(file, 'utf8'))?.trim();
    // Containers of one image share its machine id, so that the host's name has to tell them apart.
    if (id !== undefined && /^[0-9a-f]{32}$/.test(id)) return `${id}/${hostname()}`;
  }
  return undefined;
}
