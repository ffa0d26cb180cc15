/** What `pilothouse help` prints. */
export const HELP = `pilothouse: a GraphQL control plane for machine-learning models

  npm start               install and build what is missing, then start (in a clone of the repository)
  pilothouse [command]    the same, as a command; after "npm start --" in a clone

Commands
  up        start: PostgreSQL, control plane, gateway, and every deployed model; the default.
            It runs until Ctrl-C, which stops all of it. What a killed server left running is adopted.
  stop      stop everything that runs for PILOTHOUSE_HOME, also what a killed server left
  doctor    check what Pilothouse needs of this machine, and say what to do
  build     install and build only
  help      this text; also --help, -h. "pilothouse help COMMAND" and "pilothouse COMMAND --help" explain one
  version   the version; also --version, -v

  server        login, logout, whoami, context, status
  models        push, models, versions, show, log, alias, project
  deployments   deploy, plan, rollback, scale, delete, deployments, events, history, metrics, why, logs
  inference     infer, generate
  watching      monitors, monitor, alerts, policy, scaling
  files         apply, export-config
  access        token, audit
  shell         completion

Environment
  PILOTHOUSE_HOME           .pilothouse     where the state is kept
  DATABASE_URL              (unset)         a PostgreSQL 14 or newer to use instead of the embedded one,
                                            such as postgres://user:password@host:5432/pilothouse
  PILOTHOUSE_HOST           127.0.0.1       address to bind to; beyond loopback all ports require a token
  PILOTHOUSE_PORT           4000            control plane: /graphql, /artifacts, /healthz, /readyz, /metrics
  PILOTHOUSE_HTTP_PORT      8000            gateway, REST: /v2/models/{name}/infer and the rest of the protocol
  PILOTHOUSE_GRPC_PORT      8001            gateway, gRPC: the same protocol, as Triton's and KServe's clients speak it
  PILOTHOUSE_HTTP_PARSER    auto            node-http: read HTTP through node:http instead of Node's internal parser
  PILOTHOUSE_GATEWAYS       1               gateway processes, which share the ports
  PILOTHOUSE_GATEWAY_AUTH   off, required   bearer tokens at the gateway: off on loopback, else required
  PILOTHOUSE_ALLOWED_HOSTS  (unset)         further host names that may be used without a token
  PILOTHOUSE_MLFLOW_DEPLOYMENT  (unset)     the deployment that answers MLflow's /invocations at the gateway's root
  PILOTHOUSE_ACCESS_LOG_SAMPLE  0.01        fraction of the requests that the gateway's access log has
  PILOTHOUSE_CORS_ORIGINS   (unset)         origins whose web pages may call, separated by commas, or *
  OTEL_EXPORTER_OTLP_ENDPOINT   (unset)     where traces go; the other variables of OpenTelemetry apply too
  PILOTHOUSE_RUNTIMES       (unset)         module names of further runtime plugins, separated by commas
  PILOTHOUSE_TFJS_NODE_CACHE  (unset)       folder of builds of native TensorFlow, instead of this installation's own
  PILOTHOUSE_PYTHON         python3         interpreter of Python models: a path, or a name on the PATH
  PILOTHOUSE_SAMPLES        on              off: an empty database gets no sample models
  PILOTHOUSE_LOG_LEVEL      info            trace, debug, info, warn, error, fatal or silent
  PILOTHOUSE_VALIDATION_TIMEOUT_MS    60000         how long the validation of a version may take
  PILOTHOUSE_VALIDATION_MEMORY_BYTES  2147483648    how much memory it may use
  PILOTHOUSE_MAX_ARTIFACT_BYTES       21474836480   largest file that may be uploaded
  A port of 0 means any free one.

Files, below PILOTHOUSE_HOME
  admin-token               the operator's token, for the Authorization header: Bearer <token>
  postgres/  artifacts/     the database; the models' files
  logs/                     server.log, postgres.log, and those of gateway and replicas
  run/endpoints.json        the addresses of the running server

Where Pilothouse is installed as a dependency, set ONNXRUNTIME_NODE_INSTALL=skip for the installation
unless the machine may download CUDA libraries.
`;
