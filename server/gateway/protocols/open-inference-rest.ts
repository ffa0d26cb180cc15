/** The Open Inference Protocol over REST: paths and JSON in, one call on the data plane, JSON out. */
import { inferRequestFromJson, tensorDataText } from '../../../runtimes/open-inference/json.js';
import type { InferResponse } from '../../../runtimes/open-inference/message.js';
import type { TensorSpec } from '../../../runtimes/tensor.js';
import type { DataPlane } from '../data-plane.js';
import { GatewayError } from '../gateway-error.js';
import { readJson } from './json-body.js';
import type { HttpAnswer, HttpRoute } from './http-route.js';

/** Names of projects and deployments, as they can be registered; `a/../b`, `..` and ` a` are none. */
const MODEL_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const MAX_NAME = 200;

/** The routes of this protocol. @param segments of the path below `/v2`, still encoded */
export function openInferenceRoute(dataPlane: DataPlane, segments: readonly string[]): HttpRoute | undefined {
  const [first, ...rest] = segments;
  if (first === undefined) return { method: 'GET', open: false, protocol: 'oip-rest', answer: () => json(200, dataPlane.serverMetadata()) };
  if (first === 'health' && rest.length === 1) return healthRoute(dataPlane, rest[0]!);
  if (first !== 'models' || rest.length === 0) return undefined;
  return modelRoute(dataPlane, rest);
}

function healthRoute(dataPlane: DataPlane, what: string): HttpRoute | undefined {
  if (what === 'live') return { method: 'GET', open: true, protocol: 'oip-rest', answer: () => json(200, { live: true }) };
  if (what !== 'ready') return undefined;
  return {
    method: 'GET',
    open: true,
    protocol: 'oip-rest',
    answer: () => {
      const ready = dataPlane.ready();
      return json(ready ? 200 : 503, { ready });
    },
  };
}

function modelRoute(dataPlane: DataPlane, [encoded, ...rest]: readonly string[]): HttpRoute | undefined {
  const versioned = rest[0] === 'versions';
  if (versioned && rest.length === 1) return undefined;
  const [verb, ...excess] = versioned ? rest.slice(2) : rest;
  const known = verb === undefined || verb === 'ready' || verb === 'infer';
  // A name with a slash or dots in it must be told that it is no name, whatever follows it.
  const name = nameOf(encoded!);
  if (!known || excess.length > 0) return undefined;
  const version = versioned ? versionOf(rest[1]!) : undefined;
  if (verb === undefined) return { method: 'GET', open: false, protocol: 'oip-rest', answer: () => json(200, metadata(dataPlane, name, version)) };
  if (verb === 'ready') {
    return {
      method: 'GET',
      open: true,
      protocol: 'oip-rest',
      answer: () => {
        const ready = dataPlane.modelReady(name, version);
        return json(ready ? 200 : 503, { name, ready });
      },
    };
  }
  return {
    method: 'POST',
    open: false,
    protocol: 'oip-rest',
    answer: async (call, body) => {
      // Decoding may have to wait for the deployment to be known: its failures are counted there.
      let id: string | undefined;
      const answer = await dataPlane.infer(call, name, version, () => {
        const request = readJson(body, inferRequestFromJson);
        id = request.id;
        return request;
      });
      return { status: 200, body: responseText(name, answer.version, id, answer.response), version: answer.version };
    },
  };
}

const json = (status: number, value: unknown): HttpAnswer => ({ status, body: JSON.stringify(value) });

function metadata(dataPlane: DataPlane, name: string, version: number | undefined): unknown {
  const { inputs, outputs, ...rest } = dataPlane.modelMetadata(name, version);
  return { ...rest, inputs: inputs.map(specOf), outputs: outputs.map(specOf) };
}

const specOf = ({ name, datatype, shape }: TensorSpec): unknown => ({ name, datatype, shape });

/** Written by hand: the tensors' numbers are by far the most of it, and JSON.stringify would want them boxed first. */
function responseText(model: string, version: number, id: string | undefined, { outputs }: InferResponse): string {
  let text = `{"model_name":${JSON.stringify(model)},"model_version":"${version}"`;
  if (id !== undefined) text += `,"id":${JSON.stringify(id)}`;
  text += ',"outputs":[';
  outputs.forEach((tensor, i) => {
    if (i > 0) text += ',';
    text += `{"name":${JSON.stringify(tensor.name)},"shape":[${tensor.shape.join(',')}],"datatype":"${tensor.datatype}","data":${tensorDataText(tensor)}}`;
  });
  return text + ']}';
}

function nameOf(encoded: string): string {
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch {
    throw new GatewayError('INVALID', `model name ${JSON.stringify(encoded.slice(0, MAX_NAME))} is not percent-encoded UTF-8`);
  }
  if (name.length > MAX_NAME || name.includes('..') || !MODEL_NAME.test(name)) {
    throw new GatewayError(
      'INVALID',
      `${JSON.stringify(name.slice(0, MAX_NAME))} cannot be a model's name; names are letters, digits, "-", "_" and single dots between them`,
    );
  }
  return name;
}

function versionOf(segment: string): number {
  if (!/^[1-9]\d{0,8}$/.test(segment))
    throw new GatewayError('INVALID', `version ${JSON.stringify(segment.slice(0, MAX_NAME))} is not a positive whole number`);
  return Number(segment);
}
