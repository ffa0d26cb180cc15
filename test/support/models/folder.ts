/** Model files in a folder of their own, as a plugin gets them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ModelArtifact } from '../../../runtimes/contract.js';

export type ModelFiles = Readonly<Record<string, Uint8Array | string>>;

const folders: string[] = [];

export function modelFolder(format: string, files: ModelFiles): ModelArtifact {
  const folder = mkdtempSync(join(tmpdir(), 'ph-model-'));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return { folder, files: Object.keys(files), format };
}

/** Of a version without options and without a declared signature. */
export const nothingDeclared = () => ({ options: {}, declaredSignature: null, scratch: modelFolder('scratch', {}).folder });

/** For `afterAll`: every folder that this process made. */
export function removeModelFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
