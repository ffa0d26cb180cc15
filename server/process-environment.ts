/**
 * The environment of the processes that the server starts: replicas, validations, measurements, PostgreSQL. They get the variables that a
 * runtime or a library may need, and no other. The server's own environment holds tokens and the database's password, and a model can read
 * the environment of its process.
 */
const PASSED_ON = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'LC_ALL',
  'TZ',
  'LD_LIBRARY_PATH',
  'XDG_CACHE_HOME',
  'TF_CPP_MIN_LOG_LEVEL',
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
];

/**
 * @param environment the server's own
 * @param home set as `PILOTHOUSE_HOME` where it is given: people, and `pilothouse stop`, find by it what belongs to a home
 */
export function processEnvironment(environment: NodeJS.ProcessEnv, home?: string): NodeJS.ProcessEnv {
  const passed = PASSED_ON.filter((name) => environment[name] !== undefined).map((name) => [name, environment[name]]);
  return { ...(Object.fromEntries(passed) as NodeJS.ProcessEnv), ...(home !== undefined && { PILOTHOUSE_HOME: home }) };
}
