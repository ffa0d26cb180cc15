/**
 * Which process each gateway of a home is: `<home>/run/gateway-processes/<gateway id>`, written by the gateway before it has a row in the
 * database, removed when that row is gone. A server of the home finds there which rows belong to dead processes.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatIdentity, identityOf, parseIdentity, type ProcessIdentity } from './process-identity.js';

const ASIDE = '.aside-';
const GATEWAY_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const folderOf = (home: string): string => join(home, 'run', 'gateway-processes');

/** Records this process. @throws what the disk says; without a record, the row of a killed gateway counts until its heartbeat is old */
export function recordGateway(home: string, gatewayId: string): void {
  const folder = folderOf(home);
  const aside = join(folder, `${ASIDE}${gatewayId}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(aside, formatIdentity(identityOf(process.pid)!));
    renameSync(aside, join(folder, gatewayId));
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

export function forgetGateway(home: string, gatewayId: string): void {
  rmSync(join(folderOf(home), gatewayId), { force: true });
}

/** The recorded gateways, dead ones too. One whose record cannot be read is left out. */
export function recordedGateways(home: string): { readonly id: string; readonly identity: ProcessIdentity }[] {
  const folder = folderOf(home);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.flatMap((id) => {
    if (!GATEWAY_ID.test(id)) return [];
    try {
      const identity = parseIdentity(readFileSync(join(folder, id), 'utf8'));
      return identity ? [{ id, identity }] : [];
    } catch {
      return [];
    }
  });
}
