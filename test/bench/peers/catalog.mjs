/**
 * The peers: which package at which version, what starts them, and how they are tuned. Each gets the two workers and the batching that its own
 * documentation advises, onnxruntime inside with one thread a session, and the same requests as everybody else.
 */

/** The newest that Python packages and onnxruntime-node both have, so that everybody computes with the same library. */
const ONNXRUNTIME = 'onnxruntime==1.30.0';

/**
 * `python`: where the interpreter must be a certain one. `command`: what is run in the environment instead of `python <file>`.
 * `group`: which bar of the benchmark it belongs to.
 * @typedef {{ name: string, title: string, group: string, packages: string[], file: string, python?: string, command?: string[], env?: Record<string, string>, environment?: string }} Peer
 */

/** @type {Peer[]} */
export const PEERS = [
  {
    name: 'mosec',
    title: 'mosec 0.9.8, batch 64, 1 ms',
    group: 'mosec',
    packages: ['mosec==0.9.8', 'orjson==3.13.0'],
    file: 'mosec_server.py',
  },
  {
    name: 'mosec-unbatched',
    title: 'mosec 0.9.8, no batching',
    group: 'mosec',
    packages: ['mosec==0.9.8', 'orjson==3.13.0'],
    file: 'mosec_server.py',
    env: { BENCH_BATCH: '1' },
    environment: 'mosec',
  },
  {
    name: 'fastapi',
    title: 'FastAPI 0.165 by hand, uvicorn 0.54',
    group: 'by hand',
    packages: ['fastapi==0.165.0', 'uvicorn[standard]==0.54.0', 'orjson==3.13.0'],
    file: 'fastapi_server.py',
  },
  {
    name: 'pytriton',
    title: 'NVIDIA PyTriton 0.7.0 (Triton core), batch 64, 1 ms',
    group: 'pytriton',
    packages: ['nvidia-pytriton==0.7.0'],
    file: 'pytriton_server.py',
    // A newer point release of Python fails in its stub: it is built against the distribution's.
    python: '/usr/bin/python3',
  },
  { name: 'kserve', title: 'KServe 0.21.0', group: 'frameworks', packages: ['kserve==0.21.0'], file: 'kserve_server.py' },
  {
    name: 'mlserver',
    title: 'MLServer 1.7.1, batch 64, 1 ms',
    group: 'frameworks',
    // Its workers rely on an event loop that newer uvloops do not make by themselves.
    packages: ['mlserver==1.7.1', 'uvloop==0.21.0'],
    file: 'mlserver_server.py',
  },
  { name: 'litserve', title: 'LitServe 0.2.19, batch 64, 1 ms', group: 'frameworks', packages: ['litserve==0.2.19'], file: 'litserve_server.py' },
  {
    name: 'bentoml',
    title: 'BentoML 1.4.39, adaptive batching up to 64',
    group: 'frameworks',
    // 1.4.40 wants a certifi that PyPI does not have yet.
    packages: ['bentoml==1.4.39'],
    file: 'bentoml_service.py',
    command: ['bentoml', 'serve', 'bentoml_service:Infer', '--host', '127.0.0.1', '--port', '$BENCH_PORT'],
  },
  { name: 'ray', title: 'Ray Serve 2.60.0, batch 64, 1 ms', group: 'frameworks', packages: ['ray[serve]==2.60.0'], file: 'ray_server.py' },
].map((peer) => ({ ...peer, packages: [...peer.packages, ONNXRUNTIME] }));
