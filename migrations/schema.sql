-- Written from the migrated database's catalog by `npm run schema:sql`. To read and to compare, not to run.

CREATE SEQUENCE audit_entry_sequence_seq AS bigint START 1 INCREMENT 1;

CREATE SEQUENCE event_sequence_seq AS bigint START 1 INCREMENT 1;

CREATE TABLE alert (
  id uuid NOT NULL,
  rule_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  state text NOT NULL,
  value double precision NOT NULL,
  reason text NOT NULL,
  fired_at timestamp(3) with time zone NOT NULL,
  resolved_at timestamp(3) with time zone,
  resolved_reason text,
  CONSTRAINT "PK_ad91cad659a3536465d564a4b2f" PRIMARY KEY (id),
  CONSTRAINT "FK_e9bf555f33872d7b50eb2421a17" FOREIGN KEY (rule_id) REFERENCES alert_rule(id)
);
CREATE INDEX "IDX_6c5822a6b5fd6e0ad55b680e07" ON public.alert USING btree (deployment_id);
CREATE UNIQUE INDEX alert_firing ON public.alert USING btree (rule_id) WHERE (state = 'FIRING'::text);
CREATE INDEX alert_rule_fired ON public.alert USING btree (rule_id, fired_at);

CREATE TABLE alert_rule (
  id uuid NOT NULL,
  monitor_id uuid NOT NULL,
  name text NOT NULL,
  comparison text NOT NULL,
  threshold double precision NOT NULL,
  consecutive_runs integer NOT NULL,
  severity text NOT NULL,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  deleted_at timestamp(3) with time zone,
  CONSTRAINT "PK_e9bf555f33872d7b50eb2421a17" PRIMARY KEY (id),
  CONSTRAINT "FK_7a19ef5ce8e1744a7c9a9aa9bc8" FOREIGN KEY (monitor_id) REFERENCES monitor(id)
);
CREATE UNIQUE INDEX alert_rule_name ON public.alert_rule USING btree (monitor_id, name) WHERE (deleted_at IS NULL);

CREATE TABLE alias (
  id uuid NOT NULL,
  model_id uuid NOT NULL,
  name text NOT NULL,
  version_id uuid NOT NULL,
  move_count integer NOT NULL,
  moved_by text NOT NULL,
  moved_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_b1848d04b41d10a5712fc2e673c" PRIMARY KEY (id),
  CONSTRAINT "UQ_0307d922919dbb407cc905433da" UNIQUE (model_id, name),
  CONSTRAINT "FK_07dca467570bc1042d51c9e11ed" FOREIGN KEY (model_id) REFERENCES model(id),
  CONSTRAINT "FK_964c12ff12631adc99dbe09ce7a" FOREIGN KEY (version_id) REFERENCES version(id)
);
CREATE INDEX "IDX_964c12ff12631adc99dbe09ce7" ON public.alias USING btree (version_id);

CREATE TABLE alias_move (
  id uuid NOT NULL,
  alias_id uuid NOT NULL,
  number integer NOT NULL,
  from_version_id uuid,
  to_version_id uuid NOT NULL,
  actor text NOT NULL,
  reason text DEFAULT ''::text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_a8ba8c769f74b09c3b60b8a2da3" PRIMARY KEY (id),
  CONSTRAINT "UQ_2dd56c466d08be4e119674c0f0d" UNIQUE (alias_id, number),
  CONSTRAINT "FK_f3a8818bc97fe946be3fd8e29da" FOREIGN KEY (alias_id) REFERENCES alias(id)
);

CREATE TABLE api_token (
  id uuid NOT NULL,
  name text NOT NULL,
  hash text NOT NULL,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  revoked_at timestamp(3) with time zone,
  CONSTRAINT "PK_d862311c568d175c26f41bc6f98" PRIMARY KEY (id),
  CONSTRAINT "UQ_60221392192b32c7560c128a6fa" UNIQUE (hash),
  CONSTRAINT "UQ_8b2c31d18cfaa1f93b4c9f142b5" UNIQUE (name)
);

CREATE TABLE artifact (
  digest text NOT NULL,
  size_bytes bigint NOT NULL,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_d9bbd7d25b662adc30489300ed3" PRIMARY KEY (digest)
);

CREATE TABLE audit_entry (
  sequence bigint DEFAULT nextval('audit_entry_sequence_seq'::regclass) NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  object_type text NOT NULL,
  object_id uuid NOT NULL,
  project_id uuid,
  detail jsonb NOT NULL,
  CONSTRAINT "PK_c30e76145b0ecf802cd4af44910" PRIMARY KEY (sequence)
);
CREATE INDEX "IDX_b6c6f30f4a259c370a50929c8f" ON public.audit_entry USING btree (object_type, object_id);

CREATE TABLE deployment (
  id uuid NOT NULL,
  project_id uuid NOT NULL,
  name text NOT NULL,
  generation integer NOT NULL,
  spec jsonb NOT NULL,
  scaled_replicas integer,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  deletion_requested_at timestamp(3) with time zone,
  observed_generation integer DEFAULT 0 NOT NULL,
  phase text NOT NULL,
  conditions jsonb DEFAULT '[]'::jsonb NOT NULL,
  CONSTRAINT "PK_ee1f952fc81f37c6fea69c2e248" PRIMARY KEY (id),
  CONSTRAINT "FK_68ce38ec257e4e26bd905da3bff" FOREIGN KEY (project_id) REFERENCES project(id)
);
CREATE UNIQUE INDEX deployment_name ON public.deployment USING btree (project_id, name) WHERE (phase <> 'DELETED'::text);

CREATE TABLE event (
  sequence bigint DEFAULT nextval('event_sequence_seq'::regclass) NOT NULL,
  position bigint,
  topic text NOT NULL,
  subject_id uuid NOT NULL,
  project_id uuid,
  type text NOT NULL,
  actor text NOT NULL,
  payload jsonb NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_c50f73e4f73d3fb74903de36acb" PRIMARY KEY (sequence),
  CONSTRAINT "UQ_1196bc649c169d0911d739399ff" UNIQUE ("position")
);
CREATE INDEX "IDX_88820e988e8c08e44127ee6a57" ON public.event USING btree (subject_id, "position");
CREATE INDEX event_unsequenced ON public.event USING btree (sequence) WHERE ("position" IS NULL);

CREATE TABLE event_feed (
  id integer NOT NULL,
  epoch uuid NOT NULL,
  last_position bigint DEFAULT '0'::bigint NOT NULL,
  expired_position bigint DEFAULT '0'::bigint NOT NULL,
  CONSTRAINT "PK_748e639faa49a34d12d90e39713" PRIMARY KEY (id),
  CONSTRAINT event_feed_one_row CHECK ((id = 1))
);

CREATE TABLE gateway (
  id uuid NOT NULL,
  pid integer NOT NULL,
  host text NOT NULL,
  started_at timestamp(3) with time zone NOT NULL,
  heartbeat_at timestamp(3) with time zone NOT NULL,
  acknowledged_version bigint DEFAULT '0'::bigint NOT NULL,
  in_flight jsonb DEFAULT '{}'::jsonb NOT NULL,
  CONSTRAINT "PK_22c5b7ecdd6313de143815f9991" PRIMARY KEY (id)
);

CREATE TABLE idempotency_record (
  actor text NOT NULL,
  key text NOT NULL,
  operation text NOT NULL,
  input_digest text NOT NULL,
  object_id uuid NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_5087e52d0bd2ab8346bea3d2700" PRIMARY KEY (actor, key)
);

CREATE TABLE leadership (
  id integer NOT NULL,
  epoch bigint NOT NULL,
  holder text,
  heartbeat_at timestamp(3) with time zone,
  host text,
  home text,
  CONSTRAINT "PK_bbd26c5071e5c2f52b852f847f0" PRIMARY KEY (id),
  CONSTRAINT leadership_one_row CHECK ((id = 1))
);
CREATE UNIQUE INDEX "IDX_6bf00ca1739e8be2cad6c5e06c" ON public.leadership USING btree (epoch);

CREATE TABLE metric_window (
  gateway_id uuid NOT NULL,
  window_start timestamp(3) with time zone NOT NULL,
  deployment_id uuid NOT NULL,
  version_id uuid NOT NULL,
  window_ms integer NOT NULL,
  requests bigint NOT NULL,
  errors jsonb NOT NULL,
  latency bigint[] NOT NULL,
  queue_time bigint[] NOT NULL,
  compute_time bigint[] NOT NULL,
  executions bigint NOT NULL,
  rows bigint NOT NULL,
  batch_sizes bigint[] NOT NULL,
  request_bytes bigint NOT NULL,
  response_bytes bigint NOT NULL,
  in_flight_ms double precision NOT NULL,
  in_flight_max integer NOT NULL,
  queue_ms double precision NOT NULL,
  queue_max integer NOT NULL,
  CONSTRAINT "PK_315aafc312b5c884c7dd6c90d5c" PRIMARY KEY (gateway_id, window_start, deployment_id, version_id)
);
CREATE INDEX "IDX_48143665f2f85ebb0daf5fd3df" ON public.metric_window USING btree (deployment_id, window_start);

CREATE TABLE model (
  id uuid NOT NULL,
  project_id uuid NOT NULL,
  name text NOT NULL,
  description text DEFAULT ''::text NOT NULL,
  generation integer DEFAULT 1 NOT NULL,
  last_version_number integer DEFAULT 0 NOT NULL,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_d6df271bba301d5cc79462912a4" PRIMARY KEY (id),
  CONSTRAINT "UQ_bf47c8d7e471d264580c7a7918f" UNIQUE (project_id, name),
  CONSTRAINT "FK_e71e1f36f74adcb5a4ef5f931af" FOREIGN KEY (project_id) REFERENCES project(id)
);

CREATE TABLE monitor (
  id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  name text NOT NULL,
  cron text NOT NULL,
  metric text NOT NULL,
  quantile double precision,
  window_ms integer NOT NULL,
  minimum_requests integer NOT NULL,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  deleted_at timestamp(3) with time zone,
  CONSTRAINT "PK_2206b1127c3617bd63373acba74" PRIMARY KEY (id),
  CONSTRAINT "FK_2d9b5649a9a458b10b0bc917520" FOREIGN KEY (deployment_id) REFERENCES deployment(id)
);
CREATE UNIQUE INDEX monitor_name ON public.monitor USING btree (deployment_id, name) WHERE (deleted_at IS NULL);

CREATE TABLE monitor_run (
  id uuid NOT NULL,
  monitor_id uuid NOT NULL,
  state text NOT NULL,
  started_at timestamp(3) with time zone NOT NULL,
  finished_at timestamp(3) with time zone NOT NULL,
  window_from timestamp(3) with time zone NOT NULL,
  window_to timestamp(3) with time zone NOT NULL,
  requests bigint NOT NULL,
  value double precision,
  reason text NOT NULL,
  CONSTRAINT "PK_99ec358f0afcb99d457554fa8e5" PRIMARY KEY (id),
  CONSTRAINT "FK_a365539988e5ca8b187e54a8175" FOREIGN KEY (monitor_id) REFERENCES monitor(id)
);
CREATE INDEX "IDX_9ec4b5c8992eb96b53e55ffa1a" ON public.monitor_run USING btree (monitor_id, started_at);

CREATE TABLE project (
  id uuid NOT NULL,
  name text NOT NULL,
  description text DEFAULT ''::text NOT NULL,
  generation integer DEFAULT 1 NOT NULL,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_4d68b1358bb5b766d3e78f32f57" PRIMARY KEY (id),
  CONSTRAINT "UQ_dedfea394088ed136ddadeee89c" UNIQUE (name)
);

CREATE TABLE replica (
  id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  version_id uuid NOT NULL,
  template text NOT NULL,
  generation integer NOT NULL,
  state text NOT NULL,
  attempt integer DEFAULT 0 NOT NULL,
  start_after timestamp(3) with time zone,
  pid integer,
  address text,
  backend text,
  reason text,
  exit_code integer,
  exit_signal text,
  log_tail text,
  memory_bytes bigint,
  created_at timestamp(3) with time zone NOT NULL,
  ready_at timestamp(3) with time zone,
  stopped_at timestamp(3) with time zone,
  CONSTRAINT "PK_f319ce5a90abd2823a9cdd08c24" PRIMARY KEY (id),
  CONSTRAINT "FK_362fa2989997876915e5e1aa626" FOREIGN KEY (version_id) REFERENCES version(id),
  CONSTRAINT "FK_a63c36ffb381013f16ba7588ffa" FOREIGN KEY (deployment_id) REFERENCES deployment(id)
);
CREATE INDEX "IDX_6a3061bd6008bf814d8f561352" ON public.replica USING btree (deployment_id, state);

CREATE TABLE revision (
  id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  number integer NOT NULL,
  spec jsonb NOT NULL,
  actor text NOT NULL,
  reason text DEFAULT ''::text NOT NULL,
  rollback_to integer,
  created_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_f4767cdf0c0e78041514e5a94be" PRIMARY KEY (id),
  CONSTRAINT "UQ_23f6d09fb3c0deee2373f1ab864" UNIQUE (deployment_id, number),
  CONSTRAINT "FK_d89630841f1d280f043875dd7d7" FOREIGN KEY (deployment_id) REFERENCES deployment(id)
);

CREATE TABLE rollout (
  id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  revision_id uuid NOT NULL,
  state text NOT NULL,
  reason text,
  steps jsonb DEFAULT '[]'::jsonb NOT NULL,
  started_at timestamp(3) with time zone NOT NULL,
  finished_at timestamp(3) with time zone,
  CONSTRAINT "PK_96a66b8ca2a1fb3c7d647b00762" PRIMARY KEY (id),
  CONSTRAINT "UQ_ac067606703e3050eb6b8e4351b" UNIQUE (revision_id),
  CONSTRAINT "FK_ac067606703e3050eb6b8e4351b" FOREIGN KEY (revision_id) REFERENCES revision(id)
);
CREATE INDEX "IDX_30aed5a260e319e2b73477b325" ON public.rollout USING btree (deployment_id, started_at);

CREATE TABLE route (
  deployment_id uuid NOT NULL,
  version bigint NOT NULL,
  document jsonb NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "PK_4b11d1beabc548d8eb468ea3f5d" PRIMARY KEY (deployment_id)
);
CREATE INDEX "IDX_81367626aaf5ced8bfa8e3d4a2" ON public.route USING btree (version);

CREATE TABLE route_table (
  id integer NOT NULL,
  version bigint NOT NULL,
  CONSTRAINT "PK_122d1d594e0cc44b4f62baa0934" PRIMARY KEY (id),
  CONSTRAINT route_table_one_row CHECK ((id = 1))
);

CREATE TABLE scaling_decision (
  id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  policy_id uuid NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  action text NOT NULL,
  from_replicas integer NOT NULL,
  to_replicas integer NOT NULL,
  reason text NOT NULL,
  inputs jsonb NOT NULL,
  CONSTRAINT "PK_f2c3af0c13bae65b5ebe902801c" PRIMARY KEY (id),
  CONSTRAINT "FK_09df0cac8527272d38d1b4c5c25" FOREIGN KEY (policy_id) REFERENCES scaling_policy(id)
);
CREATE INDEX "IDX_7d88337dc0fb4743328be2fc76" ON public.scaling_decision USING btree (deployment_id, at);
CREATE INDEX scaling_decision_policy ON public.scaling_decision USING btree (policy_id, at);

CREATE TABLE scaling_policy (
  id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  generation integer NOT NULL,
  min_replicas integer NOT NULL,
  max_replicas integer NOT NULL,
  target_in_flight double precision NOT NULL,
  window_ms integer NOT NULL,
  scale_down_window_ms integer NOT NULL,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  deleted_at timestamp(3) with time zone,
  CONSTRAINT "PK_71ab9add9a08cd45a6830da1ae1" PRIMARY KEY (id),
  CONSTRAINT "FK_0704b16b57a06d3b6da6d1054f5" FOREIGN KEY (deployment_id) REFERENCES deployment(id)
);
CREATE UNIQUE INDEX scaling_policy_deployment ON public.scaling_policy USING btree (deployment_id) WHERE (deleted_at IS NULL);

CREATE TABLE version (
  id uuid NOT NULL,
  model_id uuid NOT NULL,
  number integer NOT NULL,
  parent_id uuid,
  description text DEFAULT ''::text NOT NULL,
  format text NOT NULL,
  runtime text NOT NULL,
  digest text NOT NULL,
  lineage jsonb NOT NULL,
  sample jsonb,
  state text NOT NULL,
  reason text,
  log_tail text,
  signature jsonb,
  row_independence jsonb,
  memory_bytes bigint,
  load_ms double precision,
  created_by text NOT NULL,
  created_at timestamp(3) with time zone NOT NULL,
  validated_at timestamp(3) with time zone,
  backend jsonb,
  runtime_options jsonb DEFAULT '{}'::jsonb NOT NULL,
  declared_signature jsonb,
  CONSTRAINT "PK_4fb5fbb15a43da9f35493107b1d" PRIMARY KEY (id),
  CONSTRAINT "UQ_5ddf2adc4c48ad000fcfd994664" UNIQUE (model_id, number),
  CONSTRAINT "FK_173455a6475b98998e8d10da994" FOREIGN KEY (parent_id) REFERENCES version(id),
  CONSTRAINT "FK_7db01f71d52bcd8b1da81665b2f" FOREIGN KEY (model_id) REFERENCES model(id)
);
CREATE INDEX "IDX_173455a6475b98998e8d10da99" ON public.version USING btree (parent_id);
CREATE INDEX version_validating ON public.version USING btree (created_at) WHERE (state = 'VALIDATING'::text);

CREATE TABLE version_file (
  version_id uuid NOT NULL,
  path text NOT NULL,
  digest text NOT NULL,
  CONSTRAINT "PK_6a09629f37a669642fcaff4574c" PRIMARY KEY (version_id, path),
  CONSTRAINT "FK_1c44bec731135b08d7be7280fea" FOREIGN KEY (digest) REFERENCES artifact(digest),
  CONSTRAINT "FK_24c9ae57e06e2feee424c46e071" FOREIGN KEY (version_id) REFERENCES version(id) ON DELETE CASCADE
);
CREATE INDEX "IDX_1c44bec731135b08d7be7280fe" ON public.version_file USING btree (digest);
