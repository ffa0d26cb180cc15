/**
 * Records which process a gateway is, in the home: a server that finds the process dead removes the gateway's row
 * (docs/decisions/0036-dead-gateways.md). Written before there is a row, removed after it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayProcessesFolder } from '../paths.js';

/** @throws what the disk says; without a record, the row of a killed gateway counts until its heartbeat is old */
export function recordProcess(home: string, gatewayId: string): void {
  const folder = gatewayProcessesFolder(home);
  const aside = join(folder, `.aside-${gatewayId}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(aside, ownIdentity());
    renameSync(aside, join(folder, gatewayId));
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

export function forgetProcess(home: string, gatewayId: string): void {
  rmSync(join(gatewayProcessesFolder(home), gatewayId), { force: true });
}

/** As `parseIdentity` of `engines/process-identity.ts` reads it. */
function ownIdentity(): string {
  if (process.platform === 'linux') return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}\n${readFileSync('/proc/self/stat', 'latin1')}`;
  return `\n${process.pid} ${execFileSync('ps', ['-o', 'lstart=', '-p', String(process.pid)], { encoding: 'utf8' }).trim()}\n`;
}
