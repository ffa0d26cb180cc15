import { fileURLToPath } from 'node:url';
import { nodePlugin } from '../support/node-plugin.js';
import { runtimeContract } from './runtimes.suite.js';

const module = fileURLToPath(new URL('../support/outside-plugin/plugin.mjs', import.meta.url));

runtimeContract({
  title: 'a module from outside, by configuration',
  plugin: () => nodePlugin('elementwise', [module]),
  format: 'elementwise',
  backend: 'javascript',
  arithmetic: { 'model.elementwise.json': JSON.stringify({ columns: 3, outputs: { sum: 'add', product: 'multiply', maximum: 'maximum' } }) },
  broken: [
    { title: 'what is no JSON', files: { 'model.elementwise.json': '{' }, message: /JSON/ },
    {
      title: 'an unknown operation',
      files: { 'model.elementwise.json': '{"columns":1,"outputs":{"y":"guess"}}' },
      message: /output "y": unknown operation "guess"/,
    },
    { title: 'a missing file', files: { 'other.json': '{}' }, message: /no \.elementwise\.json among other\.json/ },
  ],
});
