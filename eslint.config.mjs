/**
 * Lint rules. The larger part is who may import whom: each room of the house says what it may reach, and a breach is an error
 * (test/unit/import-rules.test.ts breaks each rule once and expects to be told). That files import each other in no circle is checked by
 * test/unit/import-circles.test.ts: the lint rule for it takes 16 s.
 */
import { readdirSync, readFileSync } from 'node:fs';
import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const root = import.meta.dirname;

/** Plugins that ship with Pilothouse: every folder of runtimes/ that is not the codec or the host. */
const plugins = readdirSync(`${root}/runtimes`, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['open-inference', 'host'].includes(entry.name))
  .map((entry) => entry.name);

/** A room, what it may not reach, and what it may all the same. `except` is relative to `from`, as the rule wants it. */
const zone = (target, from, except, message) => ({ target, from, except, message });

/** The features, in the order of server/features.ts: each may know those before it. */
const features = [...readFileSync(`${root}/server/features.ts`, 'utf8').matchAll(/\.add\('(\w+)', /g)].map(([, name]) => name);

/** What control plane and gateway share: below both, and where they meet. */
const SHARED = ['routing', 'metering'];
/** The part of it that the gateway imports. */
const WITHOUT_TYPEORM = [
  'routing/acknowledgements.ts',
  'routing/route-document.ts',
  'routing/route-reader.ts',
  'routing/route-snapshot.ts',
  'metering/agreement.ts',
  'metering/error-kinds.ts',
  'metering/histogram.ts',
  'metering/metric-window.ts',
  'metering/window-writer.ts',
];

/** What puts the program together. */
const COMPOSITION = ['app.ts', 'features.ts', 'housekeeping.ts', 'leader.ts', 'main.ts', 'print-schema.ts', 'server-state.ts', 'start-gateway.ts'];

const zones = [
  zone(
    ['./runtimes/contract.ts', './runtimes/tensor.ts', './runtimes/open-inference'],
    './',
    ['./runtimes/contract.ts', './runtimes/tensor.ts', './runtimes/open-inference'],
    'The runtime contract, the tensors and the OIP codec are shared by server, gateway, host and clients: they import the standard library and one another, nothing else.',
  ),
  zone('./runtimes', './server', [], 'Runtimes know nothing of the server: they run in a replica, in a validation, and one day in a pod.'),
  zone('./runtimes', './clients', [], 'Runtimes know nothing of the clients.'),
  ...plugins.map((name) =>
    zone(
      `./runtimes/${name}`,
      './runtimes',
      ['./contract.ts', './tensor.ts', `./${name}`],
      `The plugin "${name}" imports the contract, the tensors and its own library: never a sibling, the host or the catalog.`,
    ),
  ),
  zone(
    './server/gateway',
    './server',
    [
      './gateway',
      './allowed-hosts.ts',
      './config.ts',
      './cors.ts',
      './errors.ts',
      './json-body.ts',
      './log-sink.ts',
      './open-files.ts',
      './paths.ts',
      './database/notifications.ts',
      './database/notification-names.ts',
      './database/limited-client.ts',
      ...WITHOUT_TYPEORM.map((file) => `./${file}`),
    ],
    'The gateway keeps answering while the server and PostgreSQL are down: of the server it imports allowed-hosts, config, cors, errors, json-body, log-sink, open-files, paths, of database/ notifications, notification-names and limited-client, and of routing/ and metering/ what knows no TypeORM.',
  ),
  zone(
    './server/gateway',
    './runtimes',
    ['./contract.ts', './tensor.ts', './open-inference'],
    'The gateway imports the contract, the tensors and the OIP codec of the runtimes, never a plugin or the host.',
  ),
  zone(
    ['./server/!(gateway)/**', './server/*.ts'],
    './server/gateway',
    [],
    'The gateway is a process of its own: what it shares with the server is in routing/ and metering/.',
  ),
  ...['http', 'grpc', 'protocols', 'text'].map((room) =>
    zone(
      './server/gateway/{dispatch,replicas,metering}/**',
      `./server/gateway/${room}`,
      [],
      'Of the gateway, dispatch, replicas and metering know no protocol: protocols decode, call the data plane and encode.',
    ),
  ),
  ...['grpc', 'protocols'].map((room) =>
    zone(
      './server/gateway/text',
      `./server/gateway/${room}`,
      [],
      'Of the gateway, texts are read and written for protocols, which call this room: it calls none of them.',
    ),
  ),
  ...['grpc', 'protocols', 'text'].map((room) =>
    zone(
      './server/gateway/http',
      `./server/gateway/${room}`,
      [],
      'The HTTP front knows no protocol: protocols give it routes (protocols/http-paths.ts), which gateway.ts hands to it.',
    ),
  ),
  ...SHARED.flatMap((room) => {
    const message = `${room} lies below the features and the gateway: it imports the database, the runtimes' contract, tensors and codec, and itself.`;
    return [
      zone(`./server/${room}`, './server', [`./${room}`, './database'], message),
      zone(`./server/${room}`, './runtimes', ['./contract.ts', './tensor.ts', './open-inference'], message),
    ];
  }),
  ...features.flatMap((feature, i) =>
    features
      .slice(i + 1)
      .map((later) =>
        zone(
          `./server/${feature}`,
          `./server/${later}`,
          [],
          `Imports between features go one way, in the order of server/features.ts. ${feature} may know ${features.slice(0, i).join(', ') || 'no other feature'}.`,
        ),
      ),
  ),
  ...COMPOSITION.map((file) =>
    zone(
      [`./server/{${[...features, 'database', 'engines', 'api', 'routing', 'metering'].join(',')}}/**`, './server/feature.ts', './server/leader-loop.ts'],
      `./server/${file}`,
      [],
      'What puts the program together lies above all that it is made of. A feature is given what it needs (`Core` in server/features.ts).',
    ),
  ),
  zone('./server/engines', './server/database', [], 'The engines lie below the database: the embedded PostgreSQL is looked after by them.'),
  zone(
    './server/database',
    './server/lifecycle',
    ['./announced.ts', './claim-lock.ts', './server-records.ts'],
    'Of lifecycle/, the database imports what knows no database: announced, claim-lock, server-records.',
  ),
  zone(
    ['./server/lifecycle/announced.ts', './server/lifecycle/claim-lock.ts', './server/lifecycle/server-records.ts'],
    './server/database',
    [],
    'The database imports these: they know nothing of it.',
  ),
  ...SHARED.map((room) => zone('./server/{database,engines}/**', `./server/${room}`, [], `${room} lies above the database and the engines.`)),
  ...features.map((feature) =>
    zone(
      `./server/!(${feature})/**`,
      `./server/${feature}/{*.store,*-store,*.resolver}.ts`,
      [],
      `A feature reaches another through its service: stores and resolvers of ${feature} are its own.`,
    ),
  ),
  zone('./server/**/*.service.ts', './server/**/*.resolver.ts', [], 'Within a feature: resolver, service, store, entity, in this direction only.'),
  zone(
    './server/**/{*.store,*-store}.ts',
    './server/**/*.{service,resolver}.ts',
    [],
    'Within a feature: resolver, service, store, entity, in this direction only.',
  ),
  zone('./server/**/*.entities.ts', './server/**/{*.service,*.resolver,*.types,*.store,*-store}.ts', [], 'An entity knows no layer above it.'),
  zone('./migrations', './server', [], 'A migration is history: it must not change when the code does.'),
  zone('./clients', './server', [], 'Clients know the generated schema, the OIP codec and the network.'),
  zone('./clients', './runtimes', ['./open-inference', './tensor.ts'], 'Clients know the generated schema, the OIP codec and the network.'),
  zone(['./server', './runtimes', './migrations'], './test', [], 'What is shipped does not import its tests.'),
  zone(['./server', './runtimes', './migrations'], './clients', [], 'The server does not import its clients.'),
];

/** Any package: neither a path nor the standard library. */
const PACKAGE = '^(?!node:|\\.{1,2}/)';
const noPackage = (regex, message, allowTypeImports = false) => ({ regex, message, allowTypeImports });

const NO_TYPE_GRAPHQL = noPackage(
  '^type-graphql$',
  'Decorators of type-graphql stand in *.resolver.ts and *.types.ts only, so that everything else runs without a schema.',
);
/** Types may go up, as long as nothing does at run time. */
const NO_FEATURE = noPackage(
  `^(\\.\\./)+(${features.join('|')})/`,
  'The database, the engines, the lifecycle and the API lie below the features: of these they know types only.',
  true,
);
/** An entity's type may be known: it is what services answer with. */
const NO_FOREIGN_ENTITY = noPackage(
  `^\\.\\./(${features.join('|')})/.*\\.entities\\.js$`,
  'A feature reaches another through its service: the rows of another feature are read by functions of that feature (`…-rows.ts`, `…-loader.ts`).',
  true,
);
const NO_DEFAULT_EXPORT = {
  selector: 'ExportDefaultDeclaration',
  message: 'Named exports only: one name for one thing, in every file that uses it.',
};
const NO_DYNAMIC_DATABASE = {
  selector: 'ImportExpression[source.value=/^(typeorm|graphql|type-graphql|@apollo\\u002f.*)$/]',
  message: 'The gateway never loads TypeORM or GraphQL, neither at its start nor later.',
};
const NO_CLOCK = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'A pure rule has no clock of its own: time is an argument.' },
  { selector: 'CallExpression[callee.object.name="Date"][callee.property.name="now"]', message: 'A pure rule has no clock of its own: time is an argument.' },
  { selector: 'CallExpression[callee.object.name="performance"]', message: 'A pure rule has no clock of its own: time is an argument.' },
  {
    selector: 'CallExpression[callee.object.name="Math"][callee.property.name="random"]',
    message: 'A pure rule gives the same answer twice: chance is an argument.',
  },
  { selector: 'ImportExpression', message: 'A pure rule has no I/O.' },
];
const NO_IO = noPackage('^(?!node:(crypto|util)$|\\.{1,2}/)', 'A pure rule has no I/O: what it needs to know is an argument.', true);
const NO_CLOCK_GLOBALS = ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'process'].map((name) => ({
  name,
  message: 'A pure rule has no I/O and no clock of its own.',
}));
const NO_PROCESS_ENV = [
  { object: 'process', property: 'env', message: 'server/config.ts is the only reader of process.env: take a Config, or what you need of it, as an argument.' },
];

/** Rules that are pure functions: state in, decision out. */
const PURE = [
  'server/deployments/{log-lines,plan,status,template,backoff,clock-watch,observations,replica-states}.ts',
  'server/autoscaling/{decide,load,policy-rules}.ts',
  'server/configuration/changes.ts',
  'server/explanation/wording.ts',
  'server/monitoring/{evaluate-monitor,alert-transition,wording}.ts',
  'server/routing/route-document.ts',
  'server/metering/{error-kinds,histogram,metric-window}.ts',
  'runtimes/{tensor,contract,glob}.ts',
  'runtimes/open-inference/{frame,message,json}.ts',
];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '**/node_modules/', 'clients/*/dist/', 'clients/typescript/src/generated/', '.pilothouse/'] },
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['vitest.config.ts'] }, tsconfigRootDir: root } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.js'] } })] },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT],
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': true, 'ts-ignore': true, 'ts-nocheck': true }],
      // An await that was forgotten is a fault that no test may see.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false, attributes: false, properties: false } }],
      '@typescript-eslint/await-thenable': 'error',
      'import-x/no-restricted-paths': ['error', { basePath: root, zones }],
    },
  },
  {
    files: ['server/**/*.ts', 'runtimes/**/*.ts'],
    rules: { 'no-restricted-properties': ['error', ...NO_PROCESS_ENV] },
  },
  // The one reader; and a script, which is a program of its own.
  { files: ['server/config.ts', 'runtimes/tfjs/build-native.ts'], rules: { 'no-restricted-properties': 'off', 'no-console': 'off' } },
  {
    files: ['server/**/*.ts'],
    ignores: ['server/gateway/**', 'server/api/**', 'server/**/*.resolver.ts', 'server/**/*.types.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [NO_TYPE_GRAPHQL] }] },
  },
  // Foreign keys name the other feature's entity.
  {
    files: [`server/{${features.join(',')}}/**/*.ts`],
    ignores: ['server/**/*.entities.ts', 'server/**/*.resolver.ts', 'server/**/*.types.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [NO_TYPE_GRAPHQL, NO_FOREIGN_ENTITY] }] },
  },
  {
    files: [`server/{${features.join(',')}}/**/*.{resolver,types}.ts`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [NO_FOREIGN_ENTITY] }] },
  },
  {
    files: ['server/{database,engines,lifecycle}/**/*.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [NO_TYPE_GRAPHQL, NO_FEATURE] }] },
  },
  {
    files: ['server/api/**/*.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [NO_FEATURE] }] },
  },
  {
    files: ['server/gateway/**/*.ts', ...WITHOUT_TYPEORM.map((file) => `server/${file}`)],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            noPackage(
              '^(typeorm|graphql|graphql-.*|type-graphql|dataloader|@apollo/.*|@as-integrations/.*)$',
              'The gateway, and what it imports, never imports TypeORM or GraphQL.',
            ),
          ],
        },
      ],
      'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT, NO_DYNAMIC_DATABASE],
    },
  },
  {
    files: ['runtimes/contract.ts', 'runtimes/tensor.ts', 'runtimes/open-inference/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [noPackage(PACKAGE, 'Contract, tensors and codec import nothing but the standard library.')] },
      ],
    },
  },
  {
    files: plugins.map((name) => `runtimes/${name}/**/*.ts`),
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        // The schema of its options is there before any version is.
        {
          patterns: [
            noPackage(`${PACKAGE}(?!zod$)`, 'A plugin imports its library inside `load`, so that the catalog can list it where the library is missing.', true),
          ],
        },
      ],
    },
  },
  {
    files: PURE,
    rules: {
      'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT, ...NO_CLOCK],
      'no-restricted-globals': ['error', ...NO_CLOCK_GLOBALS],
    },
  },
  {
    files: PURE.filter((file) => file.startsWith('server/')),
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [NO_TYPE_GRAPHQL, NO_IO, NO_FOREIGN_ENTITY] }] },
  },
  {
    files: ['test/**/*.ts'],
    // Some tests are about numbers that lose their last bits.
    rules: { 'no-console': 'off', 'no-loss-of-precision': 'off' },
  },
  // A replica's output is its log, which the engine keeps in a file.
  { files: ['runtimes/host/**/*.ts'], rules: { 'no-console': 'off' } },
  // Vitest takes its configuration and its global setup as default exports; a runtime plugin is its module's default export.
  { files: ['vitest.config.ts', 'test/support/**/*.ts', 'runtimes/*/plugin.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/*.{mjs,js}'],
    extends: [tseslint.configs.base],
    rules: { eqeqeq: ['error', 'always', { null: 'ignore' }], 'no-undef': 'off' },
  },
);
