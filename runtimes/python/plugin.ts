/** Models of Python: scikit-learn, XGBoost, LightGBM, and a model.py of the author's own. A Python process of `host/` loads them. */
import * as z from 'zod';
import { CONTRACT_VERSION, type HostedPlugin } from '../contract.js';
import { interpreterFor } from './environment.js';
import { startScript } from './interpreter.js';

const optionsSchema = z.strictObject({
  /** Names that a pickle or a skops file may reach for, beside the known classes. */
  allowGlobals: z.array(z.string().regex(/^[\w.]+$/, 'must be a name such as "package.module.name"')).optional(),
  /** A model.py may run. */
  allowCode: z.boolean().optional(),
  /** Handed to `load` of a model.py. */
  model: z.record(z.string(), z.json()).optional(),
});

const plugin: HostedPlugin = {
  name: 'python',
  contractVersion: CONTRACT_VERSION,
  formats: [
    { name: 'sklearn-skops', description: 'A scikit-learn estimator that skops wrote: one .skops file.', files: ['**/*.skops'], priority: 12 },
    {
      name: 'sklearn-joblib',
      description: 'A scikit-learn estimator that joblib wrote: one .joblib file. It is a pickle, and is looked through before it is loaded.',
      files: ['**/*.joblib'],
      priority: 11,
    },
    {
      name: 'sklearn-pickle',
      description: 'A pickled scikit-learn estimator: one .pkl or .pickle file. It is looked through before it is loaded.',
      files: ['**/*.{pkl,pickle}'],
      priority: 10,
    },
    {
      name: 'xgboost',
      description: 'An XGBoost model: one .ubj or .json file of save_model.',
      files: ['**/*.{ubj,json}'],
      recognizes: (path, text) => path.endsWith('.ubj') || /^\s*\{\s*"(learner|version)"/.test(text),
      priority: 15,
    },
    {
      name: 'lightgbm',
      description: 'A LightGBM model: one .txt file of save_model.',
      files: ['**/*.txt'],
      recognizes: (_path, text) => /^tree\r?\nversion=/.test(text),
      priority: 9,
    },
    {
      name: 'python',
      description: 'A model.py with a class Model: load(folder, options), predict(inputs). Needs the option allowCode and a declared signature.',
      files: ['model.py'],
      priority: 30,
    },
  ],
  optionsSchema,

  async host(request) {
    const threads = String(request.threads);
    const interpreter = await interpreterFor(request);
    // Packages that a version asks for may run code when Python starts. With -S it waits until the host has restricted itself.
    const flags = interpreter === request.python ? [] : ['-S'];
    return {
      command: [interpreter, ...flags, startScript()],
      environment: {
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONUNBUFFERED: '1',
        ...Object.fromEntries(['OMP', 'OPENBLAS', 'MKL', 'NUMEXPR'].map((library) => [`${library}_NUM_THREADS`, threads])),
      },
      idle: ['--idle'],
    };
  },
};

export default plugin;
