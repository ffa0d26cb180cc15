/** A Python with the libraries that the tests train with, installed once as a version's environment is. */
import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { LoadedModel, RuntimePlugin } from '../../runtimes/contract.js';
import { loadHosted } from '../../runtimes/host/hosted-model.js';
import python from '../../runtimes/python/plugin.js';
import { interpreterFor } from '../../runtimes/python/environment.js';
import type { Signature } from '../../runtimes/tensor.js';
import { readFileSync } from 'node:fs';
import { modelFolder } from './models/folder.js';

export const PYTHON_CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'pilothouse', 'environments');
export const REQUIREMENTS = ['scikit-learn==1.7.2', 'skops==0.13.0', 'pandas==2.3.3', 'xgboost==3.1.1', 'lightgbm==4.6.0'].join('\n');

export const never = new AbortController().signal;

/** Path of the interpreter. */
export async function testPython(): Promise<string> {
  const artifact = modelFolder('python', { 'requirements.txt': REQUIREMENTS });
  return interpreterFor({ artifact, python: 'python3', cache: PYTHON_CACHE, signal: never, progress: (line) => console.log(line) });
}

/** Runs a script in a folder; answers what it prints as JSON. */
export function runPython<T>(interpreter: string, script: string, cwd: string): T {
  return JSON.parse(execFileSync(interpreter, ['-c', script], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })) as T;
}

/** The Python runtime as a validation has it. A file `signature.json` of the model is its declared signature. */
export const hostedPython = (interpreter: string): RuntimePlugin => ({
  name: python.name,
  contractVersion: python.contractVersion,
  formats: python.formats,
  async load(artifact, { options, threads, scratch }, signal): Promise<LoadedModel> {
    const host = await python.host({ artifact, options, threads, python: interpreter, cache: PYTHON_CACHE, signal, progress: () => undefined });
    const declaredSignature = artifact.files.includes('signature.json')
      ? (JSON.parse(readFileSync(join(artifact.folder, 'signature.json'), 'utf8')) as Signature)
      : null;
    const request = { ...artifact, runtime: 'python', sample: null, threads, runtimes: [], options: { allowCode: true }, declaredSignature, scratch };
    return loadHosted(host, request, signal);
  },
});
