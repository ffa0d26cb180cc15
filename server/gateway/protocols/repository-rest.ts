/** Triton's model repository extension: what is served can be listed, and is changed through the control plane only. */
import { objectOf } from '../../../runtimes/open-inference/rest-request.js';
import { TensorError } from '../../../runtimes/tensor.js';
import type { DataPlane } from '../dispatch/data-plane.js';
import { asRefusal, GatewayError } from '../gateway-error.js';
import { json, type HttpAnswer } from '../http/http-route.js';
import { readJson } from '../../json-body.js';
import { repositoryIndex } from './triton.js';

/** @param body empty, or `{"ready": true}` for what can answer only. @throws GatewayError INVALID */
export function repositoryIndexAnswer(dataPlane: DataPlane, body: Buffer): HttpAnswer {
  return json(200, repositoryIndex(dataPlane, onlyReady(body)));
}

/** @throws GatewayError INVALID, always */
export function refuseRepositoryControl(model: string, verb: 'load' | 'unload'): never {
  const mutation = verb === 'load' ? 'deploy' : 'deleteDeployment';
  throw new GatewayError(
    'INVALID',
    `model "${model}" cannot be ${verb}ed here: deployments are managed by the control plane; use its GraphQL mutation "${mutation}"`,
  );
}

function onlyReady(body: Buffer): boolean {
  if (body.length === 0) return false;
  try {
    const given = readJson(body, (value) => objectOf(value, 'the request'));
    const ready = given['ready'] ?? false;
    if (typeof ready !== 'boolean') throw new TensorError('"ready" must be true or false');
    return ready;
  } catch (error) {
    throw asRefusal(error);
  }
}
