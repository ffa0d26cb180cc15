/** The Open Inference Protocol over REST, with Triton's extensions: paths, and one call on the data plane for an inference. */
import type { DataPlane } from '../dispatch/data-plane.js';
import { errorText, json, routesOf, type HttpProtocol, type HttpRoute } from '../http/http-route.js';
import { nameOf, versionOf } from './model-name.js';
import { HEADER_LENGTH } from '../http/open-inference-body.js';
import { refuseRepositoryControl, repositoryIndexAnswer } from './repository-rest.js';
import type { TextInferences } from './text-inferences.js';
import { EXTENSIONS, modelConfig, modelStatistics } from './triton.js';

const REST_EXTENSIONS = ['binary_tensor_data', ...EXTENSIONS];

const { get, post } = routesOf('oip-rest');

export function openInferenceRest(dataPlane: DataPlane, inferences: TextInferences): HttpProtocol {
  return {
    failureText: errorText,
    route: ([, first, ...rest]) => {
      if (first === undefined) return get(() => json(200, dataPlane.serverMetadata(REST_EXTENSIONS)));
      if (first === 'health' && rest.length === 1) return healthRoute(dataPlane, rest[0]!);
      if (first === 'repository') return repositoryRoute(dataPlane, rest);
      if (first !== 'models' || rest.length === 0) return undefined;
      // Without a version it is Triton's statistics of all models, though a model could have that name.
      if (rest.length === 1 && rest[0] === 'stats') return get(() => json(200, modelStatistics(dataPlane)));
      return modelRoute(dataPlane, inferences, rest);
    },
  };
}

function healthRoute(dataPlane: DataPlane, what: string): HttpRoute | undefined {
  if (what === 'live') return get(() => json(200, { live: true }), true);
  if (what !== 'ready') return undefined;
  return get(() => {
    const ready = dataPlane.ready();
    return json(ready ? 200 : 503, { ready });
  }, true);
}

function repositoryRoute(dataPlane: DataPlane, [what, segment, verb, ...excess]: readonly string[]): HttpRoute | undefined {
  if (what === 'index' && segment === undefined) return post((_call, body) => repositoryIndexAnswer(dataPlane, body));
  if (what !== 'models' || segment === undefined || (verb !== 'load' && verb !== 'unload') || excess.length > 0) return undefined;
  const name = nameOf(segment);
  return post(() => refuseRepositoryControl(name, verb));
}

function modelRoute(dataPlane: DataPlane, inferences: TextInferences, [segment, ...rest]: readonly string[]): HttpRoute | undefined {
  const versioned = rest[0] === 'versions';
  if (versioned && rest.length === 1) return undefined;
  const [verb, ...excess] = versioned ? rest.slice(2) : rest;
  // A name with a slash or dots in it must be told that it is no name, whatever follows it.
  const name = nameOf(segment!);
  if (excess.length > 0) return undefined;
  const version = () => (versioned ? versionOf(rest[1]!) : undefined);
  switch (verb) {
    case undefined:
      return metadataRoute(dataPlane, name, version());
    case 'ready':
      return readyRoute(dataPlane, name, version());
    case 'config':
      return configRoute(dataPlane, name, version());
    case 'stats':
      return statisticsRoute(dataPlane, name, version());
    case 'infer':
      return inferRoute(inferences, name, version());
    default:
      return undefined;
  }
}

const metadataRoute = (dataPlane: DataPlane, name: string, version: number | undefined): HttpRoute =>
  get(() => {
    const { inputs, outputs, ...rest } = dataPlane.modelMetadata(name, version);
    return json(200, { ...rest, inputs, outputs });
  });

const readyRoute = (dataPlane: DataPlane, name: string, version: number | undefined): HttpRoute =>
  get(() => {
    const ready = dataPlane.modelReady(name, version);
    return json(ready ? 200 : 503, { name, ready });
  }, true);

const configRoute = (dataPlane: DataPlane, name: string, version: number | undefined): HttpRoute => get(() => json(200, modelConfig(dataPlane, name, version)));

const statisticsRoute = (dataPlane: DataPlane, name: string, version: number | undefined): HttpRoute =>
  get(() => json(200, modelStatistics(dataPlane, name, version)));

const inferRoute = (inferences: TextInferences, model: string, version: number | undefined): HttpRoute =>
  post((call, body) => {
    const headerLength = call.context.headers[HEADER_LENGTH] as string | undefined;
    return inferences.infer('open-inference', { call, model, version, body, textBytes: Number(headerLength) || body.length }, () => ({ headerLength }));
  });
