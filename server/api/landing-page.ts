/** What a browser sees at `/`. */
const ENDPOINTS = [
  ['POST /graphql', 'the API; a bearer token is required', true],
  ['WebSocket /graphql', 'the API with subscriptions (graphql-transport-ws)', true],
  ['PUT /artifacts/&lt;sha256&gt;', 'upload of model files', true],
  ['GET <a href="/healthz">/healthz</a>', 'whether this process lives', false],
  ['GET <a href="/readyz">/readyz</a>', 'whether it can serve', false],
  ['GET <a href="/metrics">/metrics</a>', 'its metrics, for Prometheus (from elsewhere with a token)', false],
] as const;

export const LANDING_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pilothouse</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1rem; color: #1c2430; background: #fff; }
  code { font: 14px ui-monospace, monospace; } td { padding: .2rem 1rem .2rem 0; vertical-align: top; } pre { background: #f3f5f8; padding: 1rem; overflow: auto; }
  @media (prefers-color-scheme: dark) { body { color: #d8dee8; background: #14181f; } pre { background: #1e242e; } a { color: #8ab4f8; } }
</style>
<h1>Pilothouse</h1>
<p>A GraphQL control plane for machine-learning models. This is its control plane; models are served by the gateway, on a port of its own.</p>
<table>
${ENDPOINTS.map(([what, why, token]) => `  <tr><td><code>${what}</code></td><td>${why}${token ? '' : '; open'}</td></tr>`).join('\n')}
</table>
<p>The first start wrote a token into the file <code>admin-token</code> of the state folder. Ask who you are:</p>
<pre><code>curl -s ${'$'}ADDRESS/graphql -H "Authorization: Bearer $(cat .pilothouse/admin-token)" \\
  -H 'Content-Type: application/json' -d '{"query": "{ viewer { actor } }"}'</code></pre>
</html>
`;
