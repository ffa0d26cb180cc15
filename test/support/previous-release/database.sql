CREATE SEQUENCE "audit_entry_sequence_seq";

CREATE SEQUENCE "event_sequence_seq";

CREATE SEQUENCE "migration_id_seq";

CREATE TABLE "project" (
  "id" uuid NOT NULL,
  "name" text NOT NULL,
  "description" text DEFAULT ''::text NOT NULL,
  "generation" integer DEFAULT 1 NOT NULL,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL
);

CREATE TABLE "deployment" (
  "id" uuid NOT NULL,
  "project_id" uuid NOT NULL,
  "name" text NOT NULL,
  "generation" integer NOT NULL,
  "spec" jsonb NOT NULL,
  "scaled_replicas" integer,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL,
  "updated_at" timestamp(3) with time zone NOT NULL,
  "deletion_requested_at" timestamp(3) with time zone,
  "observed_generation" integer DEFAULT 0 NOT NULL,
  "phase" text NOT NULL,
  "conditions" jsonb DEFAULT '[]'::jsonb NOT NULL
);

CREATE TABLE "monitor" (
  "id" uuid NOT NULL,
  "deployment_id" uuid NOT NULL,
  "name" text NOT NULL,
  "cron" text NOT NULL,
  "metric" text NOT NULL,
  "quantile" double precision,
  "window_ms" integer NOT NULL,
  "minimum_requests" integer NOT NULL,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL,
  "deleted_at" timestamp(3) with time zone
);

CREATE TABLE "alert_rule" (
  "id" uuid NOT NULL,
  "monitor_id" uuid NOT NULL,
  "name" text NOT NULL,
  "comparison" text NOT NULL,
  "threshold" double precision NOT NULL,
  "consecutive_runs" integer NOT NULL,
  "severity" text NOT NULL,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL,
  "deleted_at" timestamp(3) with time zone
);

CREATE TABLE "alert" (
  "id" uuid NOT NULL,
  "rule_id" uuid NOT NULL,
  "deployment_id" uuid NOT NULL,
  "state" text NOT NULL,
  "value" double precision NOT NULL,
  "reason" text NOT NULL,
  "fired_at" timestamp(3) with time zone NOT NULL,
  "resolved_at" timestamp(3) with time zone,
  "resolved_reason" text
);

CREATE TABLE "api_token" (
  "id" uuid NOT NULL,
  "name" text NOT NULL,
  "hash" text NOT NULL,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL,
  "revoked_at" timestamp(3) with time zone
);

CREATE TABLE "artifact" (
  "digest" text NOT NULL,
  "size_bytes" bigint NOT NULL,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL
);

CREATE TABLE "audit_entry" (
  "sequence" bigint DEFAULT nextval('audit_entry_sequence_seq'::regclass) NOT NULL,
  "at" timestamp(3) with time zone NOT NULL,
  "actor" text NOT NULL,
  "action" text NOT NULL,
  "object_type" text NOT NULL,
  "object_id" uuid NOT NULL,
  "project_id" uuid,
  "detail" jsonb NOT NULL
);

CREATE TABLE "event" (
  "sequence" bigint DEFAULT nextval('event_sequence_seq'::regclass) NOT NULL,
  "position" bigint,
  "topic" text NOT NULL,
  "subject_id" uuid NOT NULL,
  "project_id" uuid,
  "type" text NOT NULL,
  "actor" text NOT NULL,
  "payload" jsonb NOT NULL,
  "at" timestamp(3) with time zone NOT NULL
);

CREATE TABLE "event_feed" (
  "id" integer NOT NULL,
  "epoch" uuid NOT NULL,
  "last_position" bigint DEFAULT '0'::bigint NOT NULL,
  "expired_position" bigint DEFAULT '0'::bigint NOT NULL
);

CREATE TABLE "gateway" (
  "id" uuid NOT NULL,
  "pid" integer NOT NULL,
  "host" text NOT NULL,
  "started_at" timestamp(3) with time zone NOT NULL,
  "heartbeat_at" timestamp(3) with time zone NOT NULL,
  "acknowledged_version" bigint DEFAULT '0'::bigint NOT NULL,
  "in_flight" jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE "idempotency_record" (
  "actor" text NOT NULL,
  "key" text NOT NULL,
  "operation" text NOT NULL,
  "input_digest" text NOT NULL,
  "object_id" uuid NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL
);

CREATE TABLE "leadership" (
  "id" integer NOT NULL,
  "epoch" bigint NOT NULL,
  "holder" text,
  "heartbeat_at" timestamp(3) with time zone,
  "host" text,
  "home" text
);

CREATE TABLE "metric_window" (
  "gateway_id" uuid NOT NULL,
  "window_start" timestamp(3) with time zone NOT NULL,
  "deployment_id" uuid NOT NULL,
  "version_id" uuid NOT NULL,
  "window_ms" integer NOT NULL,
  "requests" bigint NOT NULL,
  "errors" jsonb NOT NULL,
  "latency" bigint[] NOT NULL,
  "queue_time" bigint[] NOT NULL,
  "compute_time" bigint[] NOT NULL,
  "executions" bigint NOT NULL,
  "rows" bigint NOT NULL,
  "batch_sizes" bigint[] NOT NULL,
  "request_bytes" bigint NOT NULL,
  "response_bytes" bigint NOT NULL,
  "in_flight_ms" double precision NOT NULL,
  "in_flight_max" integer NOT NULL,
  "queue_ms" double precision NOT NULL,
  "queue_max" integer NOT NULL
);

CREATE TABLE "migration" (
  "id" integer DEFAULT nextval('migration_id_seq'::regclass) NOT NULL,
  "timestamp" bigint NOT NULL,
  "name" character varying NOT NULL
);

CREATE TABLE "model" (
  "id" uuid NOT NULL,
  "project_id" uuid NOT NULL,
  "name" text NOT NULL,
  "description" text DEFAULT ''::text NOT NULL,
  "generation" integer DEFAULT 1 NOT NULL,
  "last_version_number" integer DEFAULT 0 NOT NULL,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL
);

CREATE TABLE "monitor_run" (
  "id" uuid NOT NULL,
  "monitor_id" uuid NOT NULL,
  "state" text NOT NULL,
  "started_at" timestamp(3) with time zone NOT NULL,
  "finished_at" timestamp(3) with time zone NOT NULL,
  "window_from" timestamp(3) with time zone NOT NULL,
  "window_to" timestamp(3) with time zone NOT NULL,
  "requests" bigint NOT NULL,
  "value" double precision,
  "reason" text NOT NULL
);

CREATE TABLE "version" (
  "id" uuid NOT NULL,
  "model_id" uuid NOT NULL,
  "number" integer NOT NULL,
  "parent_id" uuid,
  "description" text DEFAULT ''::text NOT NULL,
  "format" text NOT NULL,
  "runtime" text NOT NULL,
  "digest" text NOT NULL,
  "lineage" jsonb NOT NULL,
  "sample" jsonb,
  "state" text NOT NULL,
  "reason" text,
  "log_tail" text,
  "signature" jsonb,
  "row_independence" jsonb,
  "memory_bytes" bigint,
  "load_ms" double precision,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL,
  "validated_at" timestamp(3) with time zone
);

CREATE TABLE "replica" (
  "id" uuid NOT NULL,
  "deployment_id" uuid NOT NULL,
  "version_id" uuid NOT NULL,
  "template" text NOT NULL,
  "generation" integer NOT NULL,
  "state" text NOT NULL,
  "attempt" integer DEFAULT 0 NOT NULL,
  "start_after" timestamp(3) with time zone,
  "pid" integer,
  "address" text,
  "backend" text,
  "reason" text,
  "exit_code" integer,
  "exit_signal" text,
  "log_tail" text,
  "memory_bytes" bigint,
  "created_at" timestamp(3) with time zone NOT NULL,
  "ready_at" timestamp(3) with time zone,
  "stopped_at" timestamp(3) with time zone
);

CREATE TABLE "revision" (
  "id" uuid NOT NULL,
  "deployment_id" uuid NOT NULL,
  "number" integer NOT NULL,
  "spec" jsonb NOT NULL,
  "actor" text NOT NULL,
  "reason" text DEFAULT ''::text NOT NULL,
  "rollback_to" integer,
  "created_at" timestamp(3) with time zone NOT NULL
);

CREATE TABLE "rollout" (
  "id" uuid NOT NULL,
  "deployment_id" uuid NOT NULL,
  "revision_id" uuid NOT NULL,
  "state" text NOT NULL,
  "reason" text,
  "steps" jsonb DEFAULT '[]'::jsonb NOT NULL,
  "started_at" timestamp(3) with time zone NOT NULL,
  "finished_at" timestamp(3) with time zone
);

CREATE TABLE "route" (
  "deployment_id" uuid NOT NULL,
  "version" bigint NOT NULL,
  "document" jsonb NOT NULL,
  "updated_at" timestamp(3) with time zone NOT NULL
);

CREATE TABLE "route_table" (
  "id" integer NOT NULL,
  "version" bigint NOT NULL
);

CREATE TABLE "scaling_policy" (
  "id" uuid NOT NULL,
  "deployment_id" uuid NOT NULL,
  "generation" integer NOT NULL,
  "min_replicas" integer NOT NULL,
  "max_replicas" integer NOT NULL,
  "target_in_flight" double precision NOT NULL,
  "window_ms" integer NOT NULL,
  "scale_down_window_ms" integer NOT NULL,
  "created_by" text NOT NULL,
  "created_at" timestamp(3) with time zone NOT NULL,
  "updated_at" timestamp(3) with time zone NOT NULL,
  "deleted_at" timestamp(3) with time zone
);

CREATE TABLE "scaling_decision" (
  "id" uuid NOT NULL,
  "deployment_id" uuid NOT NULL,
  "policy_id" uuid NOT NULL,
  "at" timestamp(3) with time zone NOT NULL,
  "action" text NOT NULL,
  "from_replicas" integer NOT NULL,
  "to_replicas" integer NOT NULL,
  "reason" text NOT NULL,
  "inputs" jsonb NOT NULL
);

CREATE TABLE "version_file" (
  "version_id" uuid NOT NULL,
  "path" text NOT NULL,
  "digest" text NOT NULL
);

INSERT INTO "project" SELECT * FROM jsonb_populate_recordset(NULL::"project", '[
{"id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "name": "default", "created_at": "2026-11-29T01:04:03.868+00:00", "created_by": "system:start", "generation": 1, "description": "Where things go that name no project."},
{"id": "d0442503-de3c-46c9-8b81-07ac511aa359", "name": "vision", "created_at": "2026-11-29T01:04:25.639+00:00", "created_by": "token:admin", "generation": 1, "description": "Pictures."}
]');

INSERT INTO "deployment" SELECT * FROM jsonb_populate_recordset(NULL::"deployment", '[
{"id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "name": "digits", "spec": {"targets": [{"weight": 100, "versionId": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "phase": "PENDING", "conditions": [{"type": "Available", "reason": "Serving", "status": "TRUE", "message": "generation 1 is served", "lastTransitionAt": "2026-11-29T01:04:20.599Z"}, {"type": "Progressing", "reason": "Settled", "status": "FALSE", "message": "nothing is left to do", "lastTransitionAt": "2026-11-29T01:04:20.599Z"}, {"type": "Degraded", "reason": "AsWanted", "status": "FALSE", "message": "", "lastTransitionAt": "2026-11-29T01:04:20.009Z"}], "created_at": "2026-11-29T01:04:19.942+00:00", "created_by": "system:samples", "generation": 1, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "updated_at": "2026-11-29T01:04:19.942+00:00", "scaled_replicas": null, "observed_generation": 1, "deletion_requested_at": null},
{"id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "name": "iris", "spec": {"targets": [{"weight": 100, "versionId": "6573fa34-1113-4315-a723-7d2f30b64571", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "phase": "PENDING", "conditions": [{"type": "Available", "reason": "Serving", "status": "TRUE", "message": "generation 1 is served", "lastTransitionAt": "2026-11-29T01:04:25.468Z"}, {"type": "Progressing", "reason": "Settled", "status": "FALSE", "message": "nothing is left to do", "lastTransitionAt": "2026-11-29T01:04:25.468Z"}, {"type": "Degraded", "reason": "AsWanted", "status": "FALSE", "message": "", "lastTransitionAt": "2026-11-29T01:04:20.713Z"}], "created_at": "2026-11-29T01:04:20.691+00:00", "created_by": "system:samples", "generation": 1, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "updated_at": "2026-11-29T01:04:29.195+00:00", "scaled_replicas": 1, "observed_generation": 1, "deletion_requested_at": null},
{"id": "9f9aabdf-4330-424c-952f-199d495a4a0a", "name": "digits", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 2, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 20000, "maxDelayMs": 2, "maxBatchSize": 8, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "phase": "PENDING", "conditions": [{"type": "Available", "reason": "Serving", "status": "TRUE", "message": "generation 2 is served", "lastTransitionAt": "2026-11-29T01:04:28.651Z"}, {"type": "Progressing", "reason": "Settled", "status": "FALSE", "message": "nothing is left to do", "lastTransitionAt": "2026-11-29T01:04:28.651Z"}, {"type": "Degraded", "reason": "AsWanted", "status": "FALSE", "message": "", "lastTransitionAt": "2026-11-29T01:04:27.392Z"}], "created_at": "2026-11-29T01:04:27.362+00:00", "created_by": "token:admin", "generation": 2, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "updated_at": "2026-11-29T01:04:28.529+00:00", "scaled_replicas": null, "observed_generation": 2, "deletion_requested_at": null},
{"id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4", "name": "gone", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "phase": "DELETED", "conditions": [{"type": "Available", "reason": "NoReadyReplica", "status": "FALSE", "message": "no gateway can serve every target yet", "lastTransitionAt": "2026-11-29T01:04:28.700Z"}, {"type": "Progressing", "reason": "Settled", "status": "FALSE", "message": "nothing is left to do", "lastTransitionAt": "2026-11-29T01:04:28.969Z"}, {"type": "Degraded", "reason": "AsWanted", "status": "FALSE", "message": "", "lastTransitionAt": "2026-11-29T01:04:28.700Z"}], "created_at": "2026-11-29T01:04:28.605+00:00", "created_by": "token:admin", "generation": 1, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "updated_at": "2026-11-29T01:04:28.746+00:00", "scaled_replicas": null, "observed_generation": 1, "deletion_requested_at": "2026-11-29T01:04:28.746+00:00"}
]');

INSERT INTO "monitor" SELECT * FROM jsonb_populate_recordset(NULL::"monitor", '[
{"id": "4fbf4b6a-07bb-4319-95a6-b8b6d073e858", "cron": "0 0 1 1 *", "name": "latency", "metric": "LATENCY", "quantile": 0.99, "window_ms": 300000, "created_at": "2026-11-29T01:04:29.339+00:00", "created_by": "token:admin", "deleted_at": null, "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "minimum_requests": 1}
]');

INSERT INTO "alert_rule" SELECT * FROM jsonb_populate_recordset(NULL::"alert_rule", '[
{"id": "891958b3-9963-457c-bc9b-a91d33cbc836", "name": "slow", "severity": "CRITICAL", "threshold": 0, "comparison": "GREATER_THAN", "created_at": "2026-11-29T01:04:29.375+00:00", "created_by": "token:admin", "deleted_at": null, "monitor_id": "4fbf4b6a-07bb-4319-95a6-b8b6d073e858", "consecutive_runs": 1}
]');

INSERT INTO "alert" SELECT * FROM jsonb_populate_recordset(NULL::"alert", '[
{"id": "87f1153a-fbdf-4520-8489-7592688aa90f", "state": "FIRING", "value": 12.779634741152476, "reason": "the latency at the 0.99 quantile was 12.8 ms over 5 min with 1 request, above the threshold of 0 ms", "rule_id": "891958b3-9963-457c-bc9b-a91d33cbc836", "fired_at": "2026-11-29T01:04:29.422+00:00", "resolved_at": null, "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "resolved_reason": null}
]');

INSERT INTO "api_token" SELECT * FROM jsonb_populate_recordset(NULL::"api_token", '[
{"id": "621a5f35-2d39-403a-886d-0e1510cc66ab", "hash": "df828f30d6efe756feb1748cba79fe5c3180dcfceb7d7f6e7bc06f9373e07c40", "name": "admin", "created_at": "2026-11-29T01:04:03.84+00:00", "created_by": "system:access", "revoked_at": null},
{"id": "6b170c93-a17d-402f-9614-7092e34c1b81", "hash": "340a7932188b5941b8ad52a5be56eb47e1e8d37ae4b8ab8bc8234c016dab157f", "name": "deploy-bot", "created_at": "2026-11-29T01:04:29.243+00:00", "created_by": "token:admin", "revoked_at": null},
{"id": "f09940a4-5009-4d65-a1df-408a2ae5d8de", "hash": "68b066e6cc9cabc1f7e69bedfef6ce2c777ae87566933ca7af4dac821277be0a", "name": "left-the-team", "created_at": "2026-11-29T01:04:29.266+00:00", "created_by": "token:admin", "revoked_at": "2026-11-29T01:04:29.303+00:00"}
]');

INSERT INTO "artifact" SELECT * FROM jsonb_populate_recordset(NULL::"artifact", '[
{"digest": "205ffa0aaca692b7de90802bdd8f5ef0acd2645a13675e1ab36941f76290771f", "created_at": "2026-11-29T01:04:25.721+00:00", "created_by": "token:admin", "size_bytes": 16},
{"digest": "697ece24b6f2576c9e3835d9e96b567bfd57927d88de8d29ea0c26da9c1559a1", "created_at": "2026-11-29T01:04:05.41+00:00", "created_by": "system:samples", "size_bytes": 268},
{"digest": "ab87a8d03b4567dba8f5da2173df36473654cd10e7c5be5ca40548a0755186a0", "created_at": "2026-11-29T01:04:05.405+00:00", "created_by": "system:samples", "size_bytes": 3625},
{"digest": "e666fb9c7fe85eb4bcfabd95167581b5981e63f827c5308f6eab978ab447ed64", "created_at": "2026-11-29T01:04:04.992+00:00", "created_by": "system:samples", "size_bytes": 20373}
]');

INSERT INTO "audit_entry" SELECT * FROM jsonb_populate_recordset(NULL::"audit_entry", '[
{"at": "2026-11-29T01:04:03.84+00:00", "actor": "system:access", "action": "createAdminToken", "detail": {"name": "admin"}, "sequence": 1, "object_id": "621a5f35-2d39-403a-886d-0e1510cc66ab", "project_id": null, "object_type": "Token"},
{"at": "2026-11-29T01:04:03.868+00:00", "actor": "system:start", "action": "createProject", "detail": {"name": "default", "description": "Where things go that name no project."}, "sequence": 2, "object_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Project"},
{"at": "2026-11-29T01:04:04.992+00:00", "actor": "system:samples", "action": "uploadArtifact", "detail": {"digest": "e666fb9c7fe85eb4bcfabd95167581b5981e63f827c5308f6eab978ab447ed64", "sizeBytes": 20373}, "sequence": 3, "object_id": "e666fb9c-7fe8-5eb4-bcfa-bd95167581b5", "project_id": null, "object_type": "Artifact"},
{"at": "2026-11-29T01:04:05.036+00:00", "actor": "system:samples", "action": "createModel", "detail": {"name": "digits", "description": "Handwritten digits, 8×8 pixels of 0 to 16, row by row: which digit it is. A small neural network, trained by scikit-learn."}, "sequence": 4, "object_id": "47409aa3-e860-41ec-800b-dbae9f60dee0", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Model"},
{"at": "2026-11-29T01:04:05.158+00:00", "actor": "system:samples", "action": "createVersion", "detail": {"model": "digits", "digest": "822e867205bbfd3c6e1a6c27bf8640d55976804537664be127e52371956ca038", "format": "onnx", "number": 1}, "sequence": 5, "object_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Version"},
{"at": "2026-11-29T01:04:05.405+00:00", "actor": "system:samples", "action": "uploadArtifact", "detail": {"digest": "ab87a8d03b4567dba8f5da2173df36473654cd10e7c5be5ca40548a0755186a0", "sizeBytes": 3625}, "sequence": 6, "object_id": "ab87a8d0-3b45-67db-a8f5-da2173df3647", "project_id": null, "object_type": "Artifact"},
{"at": "2026-11-29T01:04:05.41+00:00", "actor": "system:samples", "action": "uploadArtifact", "detail": {"digest": "697ece24b6f2576c9e3835d9e96b567bfd57927d88de8d29ea0c26da9c1559a1", "sizeBytes": 268}, "sequence": 7, "object_id": "697ece24-b6f2-576c-9e38-35d9e96b567b", "project_id": null, "object_type": "Artifact"},
{"at": "2026-11-29T01:04:05.466+00:00", "actor": "system:samples", "action": "createModel", "detail": {"name": "iris", "description": "Length and width of sepal and petal of an iris, in centimetres: which species it is. A small neural network, trained by TensorFlow.js."}, "sequence": 8, "object_id": "70cc1dc4-21d5-44a4-8c13-9f05618a5871", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Model"},
{"at": "2026-11-29T01:04:05.548+00:00", "actor": "system:samples", "action": "createVersion", "detail": {"model": "iris", "digest": "ab4b5806945c564ed5d1439c749ae76e0028be66faf3c24039decc9372693e57", "format": "tfjs-layers", "number": 1}, "sequence": 9, "object_id": "6573fa34-1113-4315-a723-7d2f30b64571", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Version"},
{"at": "2026-11-29T01:04:08.889+00:00", "actor": "system:validation", "action": "validateVersion", "detail": {"model": "digits", "state": "READY", "number": 1}, "sequence": 10, "object_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Version"},
{"at": "2026-11-29T01:04:19.878+00:00", "actor": "system:validation", "action": "validateVersion", "detail": {"model": "iris", "state": "READY", "number": 1}, "sequence": 11, "object_id": "6573fa34-1113-4315-a723-7d2f30b64571", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Version"},
{"at": "2026-11-29T01:04:19.942+00:00", "actor": "system:samples", "action": "deploy", "detail": {"name": "digits", "spec": {"targets": [{"weight": 100, "versionId": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "reason": "the sample that comes with Pilothouse", "revision": 1}, "sequence": 12, "object_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Deployment"},
{"at": "2026-11-29T01:04:20.691+00:00", "actor": "system:samples", "action": "deploy", "detail": {"name": "iris", "spec": {"targets": [{"weight": 100, "versionId": "6573fa34-1113-4315-a723-7d2f30b64571", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "reason": "the sample that comes with Pilothouse", "revision": 1}, "sequence": 13, "object_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Deployment"},
{"at": "2026-11-29T01:04:25.639+00:00", "actor": "token:admin", "action": "createProject", "detail": {"name": "vision", "description": "Pictures."}, "sequence": 14, "object_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Project"},
{"at": "2026-11-29T01:04:25.691+00:00", "actor": "token:admin", "action": "createModel", "detail": {"name": "my_model", "description": "With an underscore."}, "sequence": 15, "object_id": "509d4e04-b9f7-48c6-b2e5-1c7579738072", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Model"},
{"at": "2026-11-29T01:04:25.721+00:00", "actor": "token:admin", "action": "uploadArtifact", "detail": {"digest": "205ffa0aaca692b7de90802bdd8f5ef0acd2645a13675e1ab36941f76290771f", "sizeBytes": 16}, "sequence": 16, "object_id": "205ffa0a-aca6-92b7-de90-802bdd8f5ef0", "project_id": null, "object_type": "Artifact"},
{"at": "2026-11-29T01:04:25.745+00:00", "actor": "token:admin", "action": "createVersion", "detail": {"model": "my_model", "digest": "d40e2347dce69488a20b54881d8a57861ed93f21bcd69dd90e846f5633d50409", "format": "onnx", "number": 1}, "sequence": 17, "object_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Version"},
{"at": "2026-11-29T01:04:25.812+00:00", "actor": "token:admin", "action": "createVersion", "detail": {"model": "my_model", "digest": "4dfef4f642b8e79587bee5bdfea5f1ccd4131ff476f1d382c99c66c62260b803", "format": "onnx", "number": 2}, "sequence": 18, "object_id": "7d01d16c-53ee-4fdf-9e59-9afdac299861", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Version"},
{"at": "2026-11-29T01:04:27.166+00:00", "actor": "system:validation", "action": "validateVersion", "detail": {"model": "my_model", "state": "REJECTED", "number": 2, "reason": "Load model from /var/lib/pilothouse/validation/7d01d16c-53ee-4fdf-9e59-9afdac299861/model.onnx failed:Protobuf parsing failed."}, "sequence": 19, "object_id": "7d01d16c-53ee-4fdf-9e59-9afdac299861", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Version"},
{"at": "2026-11-29T01:04:27.212+00:00", "actor": "system:validation", "action": "validateVersion", "detail": {"model": "my_model", "state": "READY", "number": 1}, "sequence": 20, "object_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Version"},
{"at": "2026-11-29T01:04:27.362+00:00", "actor": "token:admin", "action": "deploy", "detail": {"name": "digits", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 2, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 8, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "reason": "", "revision": 1}, "sequence": 21, "object_id": "9f9aabdf-4330-424c-952f-199d495a4a0a", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Deployment"},
{"at": "2026-11-29T01:04:28.529+00:00", "actor": "token:admin", "action": "deploy", "detail": {"name": "digits", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 2, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 20000, "maxDelayMs": 2, "maxBatchSize": 8, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "reason": "shorter", "revision": 2}, "sequence": 22, "object_id": "9f9aabdf-4330-424c-952f-199d495a4a0a", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Deployment"},
{"at": "2026-11-29T01:04:28.605+00:00", "actor": "token:admin", "action": "deploy", "detail": {"name": "gone", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "reason": "", "revision": 1}, "sequence": 23, "object_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Deployment"},
{"at": "2026-11-29T01:04:28.746+00:00", "actor": "token:admin", "action": "deleteDeployment", "detail": {"name": "gone", "reason": ""}, "sequence": 24, "object_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4", "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "object_type": "Deployment"},
{"at": "2026-11-29T01:04:29.195+00:00", "actor": "token:admin", "action": "setScaledReplicas", "detail": {"to": 1, "from": 1}, "sequence": 26, "object_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Deployment"},
{"at": "2026-11-29T01:04:29.195+00:00", "actor": "token:admin", "action": "setScalingPolicy", "detail": {"windowMs": 30000, "generation": 1, "maxReplicas": 3, "minReplicas": 1, "deploymentId": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "targetInFlight": 4, "scaleDownWindowMs": 300000}, "sequence": 25, "object_id": "31d01123-25b0-46cf-b423-47efa3e6f31b", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "ScalingPolicy"},
{"at": "2026-11-29T01:04:29.243+00:00", "actor": "token:admin", "action": "createToken", "detail": {"name": "deploy-bot"}, "sequence": 27, "object_id": "6b170c93-a17d-402f-9614-7092e34c1b81", "project_id": null, "object_type": "Token"},
{"at": "2026-11-29T01:04:29.266+00:00", "actor": "token:admin", "action": "createToken", "detail": {"name": "left-the-team"}, "sequence": 28, "object_id": "f09940a4-5009-4d65-a1df-408a2ae5d8de", "project_id": null, "object_type": "Token"},
{"at": "2026-11-29T01:04:29.303+00:00", "actor": "token:admin", "action": "revokeToken", "detail": {"name": "left-the-team"}, "sequence": 29, "object_id": "f09940a4-5009-4d65-a1df-408a2ae5d8de", "project_id": null, "object_type": "Token"},
{"at": "2026-11-29T01:04:29.339+00:00", "actor": "token:admin", "action": "createMonitor", "detail": {"cron": "0 0 1 1 *", "name": "latency", "metric": "LATENCY", "quantile": 0.99, "windowMs": 300000, "deploymentId": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "minimumRequests": 1}, "sequence": 30, "object_id": "4fbf4b6a-07bb-4319-95a6-b8b6d073e858", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Monitor"},
{"at": "2026-11-29T01:04:29.375+00:00", "actor": "token:admin", "action": "createAlertRule", "detail": {"name": "slow", "severity": "CRITICAL", "monitorId": "4fbf4b6a-07bb-4319-95a6-b8b6d073e858", "threshold": 0, "comparison": "GREATER_THAN", "consecutiveRuns": 1}, "sequence": 31, "object_id": "891958b3-9963-457c-bc9b-a91d33cbc836", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "AlertRule"},
{"at": "2026-11-29T01:04:29.422+00:00", "actor": "token:admin", "action": "fireAlert", "detail": {"rule": "slow", "value": 12.779634741152476, "reason": "CRITICAL slow: the latency at the 0.99 quantile was 12.8 ms over 5 min with 1 request, above the threshold of 0 ms", "ruleId": "891958b3-9963-457c-bc9b-a91d33cbc836", "deploymentId": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"}, "sequence": 32, "object_id": "87f1153a-fbdf-4520-8489-7592688aa90f", "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "object_type": "Alert"}
]');

INSERT INTO "event" SELECT * FROM jsonb_populate_recordset(NULL::"event", '[
{"at": "2026-11-29T01:04:05.158+00:00", "type": "VERSION_CREATED", "actor": "system:samples", "topic": "version", "payload": {"state": "VALIDATING", "message": "version 1 of digits was created and is being validated"}, "position": 1, "sequence": 1, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a"},
{"at": "2026-11-29T01:04:05.548+00:00", "type": "VERSION_CREATED", "actor": "system:samples", "topic": "version", "payload": {"state": "VALIDATING", "message": "version 1 of iris was created and is being validated"}, "position": 2, "sequence": 2, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "6573fa34-1113-4315-a723-7d2f30b64571"},
{"at": "2026-11-29T01:04:08.889+00:00", "type": "VERSION_READY", "actor": "system:validation", "topic": "version", "payload": {"state": "READY", "message": "version 1 of digits is READY: onnx loaded it in 1293 ms"}, "position": 3, "sequence": 3, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a"},
{"at": "2026-11-29T01:04:19.878+00:00", "type": "VERSION_READY", "actor": "system:validation", "topic": "version", "payload": {"state": "READY", "message": "version 1 of iris is READY: tfjs loaded it in 10168 ms"}, "position": 4, "sequence": 4, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "6573fa34-1113-4315-a723-7d2f30b64571"},
{"at": "2026-11-29T01:04:19.942+00:00", "type": "REVISION_CREATED", "actor": "system:samples", "topic": "deployment", "payload": {"phase": "PENDING", "message": "revision 1 by system:samples (deploy): the sample that comes with Pilothouse", "rolloutId": "a91b2741-531b-4853-90ca-b60e90662f7b", "generation": 1}, "position": 5, "sequence": 5, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.024+00:00", "type": "DEPLOYMENT_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "generation 1 is STARTING", "generation": 1}, "position": 7, "sequence": 7, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.024+00:00", "type": "REPLICA_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "replica aa81ed05 is STARTING", "replicaId": "aa81ed05-a418-4c82-aed4-8987e03f0c4c", "versionId": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "generation": 1}, "position": 6, "sequence": 6, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.344+00:00", "type": "DEPLOYMENT_LOADING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 1 is LOADING", "generation": 1}, "position": 9, "sequence": 9, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.344+00:00", "type": "REPLICA_LOADING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "replica aa81ed05 is LOADING", "replicaId": "aa81ed05-a418-4c82-aed4-8987e03f0c4c", "versionId": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "generation": 1}, "position": 8, "sequence": 8, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.486+00:00", "type": "REPLICA_READY", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "replica aa81ed05 is READY: answered an inference on cpu", "replicaId": "aa81ed05-a418-4c82-aed4-8987e03f0c4c", "versionId": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "generation": 1}, "position": 10, "sequence": 10, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.486+00:00", "type": "ROUTE_CHANGED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "route table 1 sends generation 1 to version 1 (weight 100, 1 replicas)", "generation": 1}, "position": 11, "sequence": 11, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.607+00:00", "type": "DEPLOYMENT_READY", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "READY", "message": "generation 1 is READY", "generation": 1}, "position": 13, "sequence": 13, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.607+00:00", "type": "ROLLOUT_SUCCEEDED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 1 is served by every gateway", "rolloutId": "a91b2741-531b-4853-90ca-b60e90662f7b", "generation": 1}, "position": 12, "sequence": 12, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:20.691+00:00", "type": "REVISION_CREATED", "actor": "system:samples", "topic": "deployment", "payload": {"phase": "PENDING", "message": "revision 1 by system:samples (deploy): the sample that comes with Pilothouse", "rolloutId": "6ea8ad5b-93e5-451c-a3e5-6c453fee5868", "generation": 1}, "position": 14, "sequence": 14, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:20.716+00:00", "type": "DEPLOYMENT_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "generation 1 is STARTING", "generation": 1}, "position": 16, "sequence": 16, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:20.716+00:00", "type": "REPLICA_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "replica 35655d77 is STARTING", "replicaId": "35655d77-1161-4b20-abe1-9b3731543b5f", "versionId": "6573fa34-1113-4315-a723-7d2f30b64571", "generation": 1}, "position": 15, "sequence": 15, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:21.229+00:00", "type": "DEPLOYMENT_LOADING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 1 is LOADING", "generation": 1}, "position": 18, "sequence": 18, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:21.229+00:00", "type": "REPLICA_LOADING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "replica 35655d77 is LOADING", "replicaId": "35655d77-1161-4b20-abe1-9b3731543b5f", "versionId": "6573fa34-1113-4315-a723-7d2f30b64571", "generation": 1}, "position": 17, "sequence": 17, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:25.409+00:00", "type": "REPLICA_READY", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "replica 35655d77 is READY: answered an inference on tensorflow", "replicaId": "35655d77-1161-4b20-abe1-9b3731543b5f", "versionId": "6573fa34-1113-4315-a723-7d2f30b64571", "generation": 1}, "position": 19, "sequence": 19, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:25.409+00:00", "type": "ROUTE_CHANGED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "route table 2 sends generation 1 to version 1 (weight 100, 1 replicas)", "generation": 1}, "position": 20, "sequence": 20, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:25.469+00:00", "type": "DEPLOYMENT_READY", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "READY", "message": "generation 1 is READY", "generation": 1}, "position": 22, "sequence": 22, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:25.469+00:00", "type": "ROLLOUT_SUCCEEDED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 1 is served by every gateway", "rolloutId": "6ea8ad5b-93e5-451c-a3e5-6c453fee5868", "generation": 1}, "position": 21, "sequence": 21, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:25.745+00:00", "type": "VERSION_CREATED", "actor": "token:admin", "topic": "version", "payload": {"state": "VALIDATING", "message": "version 1 of my_model was created and is being validated"}, "position": 23, "sequence": 23, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20"},
{"at": "2026-11-29T01:04:25.812+00:00", "type": "VERSION_CREATED", "actor": "token:admin", "topic": "version", "payload": {"state": "VALIDATING", "message": "version 2 of my_model was created and is being validated"}, "position": 24, "sequence": 24, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "7d01d16c-53ee-4fdf-9e59-9afdac299861"},
{"at": "2026-11-29T01:04:27.166+00:00", "type": "VERSION_REJECTED", "actor": "system:validation", "topic": "version", "payload": {"state": "REJECTED", "message": "version 2 of my_model was REJECTED: Load model from /var/lib/pilothouse/validation/7d01d16c-53ee-4fdf-9e59-9afdac299861/model.onnx failed:Protobuf parsing failed."}, "position": 25, "sequence": 25, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "7d01d16c-53ee-4fdf-9e59-9afdac299861"},
{"at": "2026-11-29T01:04:27.212+00:00", "type": "VERSION_READY", "actor": "system:validation", "topic": "version", "payload": {"state": "READY", "message": "version 1 of my_model is READY: onnx loaded it in 902 ms"}, "position": 26, "sequence": 26, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20"},
{"at": "2026-11-29T01:04:27.362+00:00", "type": "REVISION_CREATED", "actor": "token:admin", "topic": "deployment", "payload": {"phase": "PENDING", "message": "revision 1 by token:admin (deploy)", "rolloutId": "5c4feb74-5da0-4fb2-94a5-ca0a64aa4c7a", "generation": 1}, "position": 27, "sequence": 27, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:27.416+00:00", "type": "DEPLOYMENT_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "generation 1 is STARTING", "generation": 1}, "position": 29, "sequence": 29, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:27.416+00:00", "type": "REPLICA_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "replica 98076882 is STARTING", "replicaId": "98076882-9ab0-43b8-b123-35d3e44f9ba3", "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "generation": 1}, "position": 28, "sequence": 28, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:27.859+00:00", "type": "DEPLOYMENT_LOADING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 1 is LOADING", "generation": 1}, "position": 31, "sequence": 31, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:27.859+00:00", "type": "REPLICA_LOADING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "replica 98076882 is LOADING", "replicaId": "98076882-9ab0-43b8-b123-35d3e44f9ba3", "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "generation": 1}, "position": 30, "sequence": 30, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.307+00:00", "type": "REPLICA_READY", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "replica 98076882 is READY: answered an inference on cpu", "replicaId": "98076882-9ab0-43b8-b123-35d3e44f9ba3", "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "generation": 1}, "position": 32, "sequence": 32, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.307+00:00", "type": "ROUTE_CHANGED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "route table 3 sends generation 1 to version 1 (weight 100, 1 replicas)", "generation": 1}, "position": 33, "sequence": 33, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.396+00:00", "type": "DEPLOYMENT_READY", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "READY", "message": "generation 1 is READY", "generation": 1}, "position": 35, "sequence": 35, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.396+00:00", "type": "ROLLOUT_SUCCEEDED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 1 is served by every gateway", "rolloutId": "5c4feb74-5da0-4fb2-94a5-ca0a64aa4c7a", "generation": 1}, "position": 34, "sequence": 34, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.529+00:00", "type": "REVISION_CREATED", "actor": "token:admin", "topic": "deployment", "payload": {"phase": "PENDING", "message": "revision 2 by token:admin (deploy): shorter", "rolloutId": "18490624-1d3c-40d3-b8fd-fd041e7fce6b", "generation": 2}, "position": 36, "sequence": 36, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.577+00:00", "type": "DEPLOYMENT_LOADING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 2 is LOADING", "generation": 2}, "position": 39, "sequence": 39, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.577+00:00", "type": "DEPLOYMENT_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "generation 2 is STARTING", "generation": 2}, "position": 38, "sequence": 38, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.577+00:00", "type": "ROUTE_CHANGED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "route table 4 sends generation 2 to version 1 (weight 100, 1 replicas)", "generation": 2}, "position": 37, "sequence": 37, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.605+00:00", "type": "REVISION_CREATED", "actor": "token:admin", "topic": "deployment", "payload": {"phase": "PENDING", "message": "revision 1 by token:admin (deploy)", "rolloutId": "c1ff2b93-c611-4803-8824-947295f98897", "generation": 1}, "position": 41, "sequence": 41, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"},
{"at": "2026-11-29T01:04:28.656+00:00", "type": "DEPLOYMENT_READY", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "READY", "message": "generation 2 is READY", "generation": 2}, "position": 42, "sequence": 42, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.656+00:00", "type": "ROLLOUT_SUCCEEDED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "LOADING", "message": "generation 2 is served by every gateway", "rolloutId": "18490624-1d3c-40d3-b8fd-fd041e7fce6b", "generation": 2}, "position": 40, "sequence": 40, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"at": "2026-11-29T01:04:28.709+00:00", "type": "DEPLOYMENT_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "STARTING", "message": "generation 1 is STARTING", "generation": 1}, "position": 44, "sequence": 44, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"},
{"at": "2026-11-29T01:04:28.709+00:00", "type": "REPLICA_STARTING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "replica b59dcc8b is STARTING", "replicaId": "b59dcc8b-2cff-4eb5-a1ec-86365c619120", "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "generation": 1}, "position": 43, "sequence": 43, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"},
{"at": "2026-11-29T01:04:28.746+00:00", "type": "DELETION_REQUESTED", "actor": "token:admin", "topic": "deployment", "payload": {"phase": "DELETING", "message": "deletion was requested", "generation": 1}, "position": 45, "sequence": 45, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"},
{"at": "2026-11-29T01:04:28.828+00:00", "type": "REPLICA_DRAINING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "DELETING", "message": "replica b59dcc8b is DRAINING: the deployment is being deleted", "replicaId": "b59dcc8b-2cff-4eb5-a1ec-86365c619120", "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "generation": 1}, "position": 46, "sequence": 46, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"},
{"at": "2026-11-29T01:04:28.976+00:00", "type": "DEPLOYMENT_DELETED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "DELETED", "message": "generation 1 is DELETED", "generation": 1}, "position": 48, "sequence": 48, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"},
{"at": "2026-11-29T01:04:28.976+00:00", "type": "REPLICA_STOPPED", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "DELETING", "message": "replica b59dcc8b is STOPPED: the deployment is being deleted", "replicaId": "b59dcc8b-2cff-4eb5-a1ec-86365c619120", "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "generation": 1}, "position": 47, "sequence": 47, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"},
{"at": "2026-11-29T01:04:29.195+00:00", "type": "SCALED", "actor": "token:admin", "topic": "deployment", "payload": {"phase": "READY", "message": "replicas of each target: 1 → 1", "generation": 1}, "position": 49, "sequence": 49, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:29.422+00:00", "type": "ALERT_FIRED", "actor": "token:admin", "topic": "alert", "payload": {"state": "FIRING", "value": 12.779634741152476, "ruleId": "891958b3-9963-457c-bc9b-a91d33cbc836", "alertId": "87f1153a-fbdf-4520-8489-7592688aa90f", "message": "CRITICAL slow: the latency at the 0.99 quantile was 12.8 ms over 5 min with 1 request, above the threshold of 0 ms", "severity": "CRITICAL", "monitorId": "4fbf4b6a-07bb-4319-95a6-b8b6d073e858", "deploymentId": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"}, "position": 50, "sequence": 50, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "87f1153a-fbdf-4520-8489-7592688aa90f"},
{"at": "2026-11-29T01:04:34.027+00:00", "type": "DEPLOYMENT_PENDING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "Pilothouse was stopped", "generation": 1}, "position": null, "sequence": 51, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"at": "2026-11-29T01:04:34.027+00:00", "type": "DEPLOYMENT_PENDING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "Pilothouse was stopped", "generation": 1}, "position": null, "sequence": 53, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "subject_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"at": "2026-11-29T01:04:34.027+00:00", "type": "DEPLOYMENT_PENDING", "actor": "system:reconciler", "topic": "deployment", "payload": {"phase": "PENDING", "message": "Pilothouse was stopped", "generation": 2}, "position": null, "sequence": 52, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "subject_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"}
]');

INSERT INTO "event_feed" SELECT * FROM jsonb_populate_recordset(NULL::"event_feed", '[
{"id": 1, "epoch": "221c70e0-7bf8-4770-b063-8910aa640a84", "last_position": 50, "expired_position": 0}
]');

INSERT INTO "idempotency_record" SELECT * FROM jsonb_populate_recordset(NULL::"idempotency_record", '[
{"key": "project-vision", "actor": "token:admin", "object_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "operation": "createProject", "created_at": "2026-11-29T01:04:25.639+00:00", "input_digest": "072ebf8e6cfda99e6947003fb8cb018aa7df841c13bb62f2920c5a556f0848d3"},
{"key": "sample digits", "actor": "system:samples", "object_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "operation": "createVersion", "created_at": "2026-11-29T01:04:05.158+00:00", "input_digest": "fe2749b077eb3950042f16df4de71c31bd8ec63707bd6bd9c5b648582b8878ed"},
{"key": "sample iris", "actor": "system:samples", "object_id": "6573fa34-1113-4315-a723-7d2f30b64571", "operation": "createVersion", "created_at": "2026-11-29T01:04:05.548+00:00", "input_digest": "c91e814fcc6db611a77390fbdd688e9ef9b5ed92fffcfb4603280ee6d6654c54"}
]');

INSERT INTO "leadership" SELECT * FROM jsonb_populate_recordset(NULL::"leadership", '[
{"id": 1, "home": "/var/lib/pilothouse", "host": "previous-host", "epoch": 1, "holder": "previous-host:20390", "heartbeat_at": "2026-11-29T01:04:34.024+00:00"}
]');

INSERT INTO "metric_window" SELECT * FROM jsonb_populate_recordset(NULL::"metric_window", '[
{"rows": 0, "errors": {}, "latency": [], "queue_ms": 0, "requests": 0, "queue_max": 0, "window_ms": 5000, "executions": 0, "gateway_id": "889f3290-d877-423a-a1d3-4f41c7df4827", "queue_time": [], "version_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "batch_sizes": [], "compute_time": [], "in_flight_ms": 0, "window_start": "2026-11-29T01:04:25+00:00", "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a", "in_flight_max": 0, "request_bytes": 0, "response_bytes": 0},
{"rows": 0, "errors": {}, "latency": [], "queue_ms": 0, "requests": 0, "queue_max": 0, "window_ms": 555, "executions": 0, "gateway_id": "889f3290-d877-423a-a1d3-4f41c7df4827", "queue_time": [], "version_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "batch_sizes": [], "compute_time": [], "in_flight_ms": 0, "window_start": "2026-11-29T01:04:30+00:00", "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "in_flight_max": 0, "request_bytes": 0, "response_bytes": 0},
{"rows": 0, "errors": {}, "latency": [], "queue_ms": 0, "requests": 0, "queue_max": 0, "window_ms": 555, "executions": 0, "gateway_id": "889f3290-d877-423a-a1d3-4f41c7df4827", "queue_time": [], "version_id": "6573fa34-1113-4315-a723-7d2f30b64571", "batch_sizes": [], "compute_time": [], "in_flight_ms": 0, "window_start": "2026-11-29T01:04:30+00:00", "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "in_flight_max": 0, "request_bytes": 0, "response_bytes": 0},
{"rows": 0, "errors": {}, "latency": [], "queue_ms": 0, "requests": 0, "queue_max": 0, "window_ms": 555, "executions": 0, "gateway_id": "889f3290-d877-423a-a1d3-4f41c7df4827", "queue_time": [], "version_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "batch_sizes": [], "compute_time": [], "in_flight_ms": 0, "window_start": "2026-11-29T01:04:30+00:00", "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a", "in_flight_max": 0, "request_bytes": 0, "response_bytes": 0},
{"rows": 1, "errors": {}, "latency": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "queue_ms": 0, "requests": 1, "queue_max": 0, "window_ms": 5000, "executions": 1, "gateway_id": "889f3290-d877-423a-a1d3-4f41c7df4827", "queue_time": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "version_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "batch_sizes": [1], "compute_time": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "in_flight_ms": 3.392578125, "window_start": "2026-11-29T01:04:20+00:00", "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "in_flight_max": 1, "request_bytes": 218, "response_bytes": 48},
{"rows": 1, "errors": {}, "latency": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "queue_ms": 0, "requests": 1, "queue_max": 0, "window_ms": 5000, "executions": 1, "gateway_id": "889f3290-d877-423a-a1d3-4f41c7df4827", "queue_time": [0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "version_id": "6573fa34-1113-4315-a723-7d2f30b64571", "batch_sizes": [1], "compute_time": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "in_flight_ms": 4.777587890625, "window_start": "2026-11-29T01:04:25+00:00", "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "in_flight_max": 1, "request_bytes": 136, "response_bytes": 12},
{"rows": 1, "errors": {}, "latency": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "queue_ms": 0, "requests": 1, "queue_max": 0, "window_ms": 5000, "executions": 1, "gateway_id": "889f3290-d877-423a-a1d3-4f41c7df4827", "queue_time": [0, 0, 0, 0, 0, 0, 0, 0, 1], "version_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "batch_sizes": [1], "compute_time": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "in_flight_ms": 1.12060546875, "window_start": "2026-11-29T01:04:25+00:00", "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "in_flight_max": 1, "request_bytes": 200, "response_bytes": 48}
]');

INSERT INTO "migration" SELECT * FROM jsonb_populate_recordset(NULL::"migration", '[
{"id": 1, "name": "Initial1763800000000", "timestamp": 1763800000000}
]');

INSERT INTO "model" SELECT * FROM jsonb_populate_recordset(NULL::"model", '[
{"id": "47409aa3-e860-41ec-800b-dbae9f60dee0", "name": "digits", "created_at": "2026-11-29T01:04:05.036+00:00", "created_by": "system:samples", "generation": 1, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "description": "Handwritten digits, 8×8 pixels of 0 to 16, row by row: which digit it is. A small neural network, trained by scikit-learn.", "last_version_number": 1},
{"id": "509d4e04-b9f7-48c6-b2e5-1c7579738072", "name": "my_model", "created_at": "2026-11-29T01:04:25.691+00:00", "created_by": "token:admin", "generation": 1, "project_id": "d0442503-de3c-46c9-8b81-07ac511aa359", "description": "With an underscore.", "last_version_number": 2},
{"id": "70cc1dc4-21d5-44a4-8c13-9f05618a5871", "name": "iris", "created_at": "2026-11-29T01:04:05.466+00:00", "created_by": "system:samples", "generation": 1, "project_id": "a3ab998a-8928-4416-9817-1c77a5c2bb33", "description": "Length and width of sepal and petal of an iris, in centimetres: which species it is. A small neural network, trained by TensorFlow.js.", "last_version_number": 1}
]');

INSERT INTO "monitor_run" SELECT * FROM jsonb_populate_recordset(NULL::"monitor_run", '[
{"id": "7cf6dce2-f082-45b7-98ba-e45dc9512f32", "state": "SUCCEEDED", "value": 12.779634741152476, "reason": "the latency at the 0.99 quantile was 12.8 ms over the last 5 min, measured over 5.55 s (1 request); nothing was reported for 4.91 min of it", "requests": 1, "window_to": "2026-11-29T01:04:29.422+00:00", "monitor_id": "4fbf4b6a-07bb-4319-95a6-b8b6d073e858", "started_at": "2026-11-29T01:04:29.422+00:00", "finished_at": "2026-11-29T01:04:29.436+00:00", "window_from": "2026-11-29T00:59:29.422+00:00"}
]');

INSERT INTO "version" SELECT * FROM jsonb_populate_recordset(NULL::"version", '[
{"id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "state": "READY", "digest": "822e867205bbfd3c6e1a6c27bf8640d55976804537664be127e52371956ca038", "format": "onnx", "number": 1, "reason": null, "sample": [{"data": [0, 0, 7, 16, 14, 3, 0, 0, 0, 0, 9, 14, 11, 15, 0, 0, 0, 0, 1, 5, 0, 15, 5, 0, 0, 0, 0, 0, 0, 16, 5, 0, 0, 0, 0, 0, 3, 16, 4, 0, 0, 0, 0, 1, 12, 14, 1, 0, 0, 0, 5, 12, 16, 16, 14, 1, 0, 0, 8, 16, 14, 10, 13, 3], "name": "pixels", "shape": [1, 64], "datatype": "FP32"}], "lineage": {"source": {"uri": "pilothouse:server/samples/digits/train_digits.py", "revision": "sha256:d28e88ed456909ba3a3d0409a393b5ae451d4adb09b2598f5c6a7771229639d7"}, "dataset": {"uri": "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits", "name": "Optical Recognition of Handwritten Digits (UCI), test set, as in scikit-learn", "digest": "sha256:6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"}, "metrics": {"logLoss": 0.068, "accuracy": 0.9822, "heldOutRows": 450}, "hyperparameters": {"alpha": 0.01, "solver": "adam", "max_iter": 100, "splitSeed": 0, "testShare": 0.25, "activation": "relu", "batch_size": 64, "weightStep": 0.000244140625, "random_state": 7, "hidden_layer_sizes": [64], "learning_rate_init": 0.003}}, "load_ms": 1293.178564, "runtime": "onnx", "log_tail": null, "model_id": "47409aa3-e860-41ec-800b-dbae9f60dee0", "parent_id": null, "signature": {"inputs": [{"name": "pixels", "shape": [-1, 64], "datatype": "FP32"}], "outputs": [{"name": "label", "shape": [-1], "datatype": "INT64"}, {"name": "probabilities", "shape": [-1, 10], "datatype": "FP32"}]}, "created_at": "2026-11-29T01:04:05.158+00:00", "created_by": "system:samples", "description": "The sample that comes with Pilothouse.", "memory_bytes": 83468288, "validated_at": "2026-11-29T01:04:08.889+00:00", "row_independence": {"reason": "4 rows gave the same bits alone, in batches of 2, 3, 8, 64, and beside a neighbour 100 times as large", "verdict": "INDEPENDENT"}},
{"id": "6573fa34-1113-4315-a723-7d2f30b64571", "state": "READY", "digest": "ab4b5806945c564ed5d1439c749ae76e0028be66faf3c24039decc9372693e57", "format": "tfjs-layers", "number": 1, "reason": null, "sample": [{"data": [5, 3.6, 1.4, 0.2], "name": "measurements", "shape": [1, 4], "datatype": "FP32"}], "lineage": {"source": {"uri": "pilothouse:server/samples/iris/train-iris.mjs", "revision": "sha256:2f302f5f67d7ea441f9899412a8e7ed38de5045867a2f61ea13d20f9d9752b4a"}, "dataset": {"uri": "https://archive.ics.uci.edu/dataset/53/iris", "name": "Iris (Fisher, 1936), as in scikit-learn", "digest": "sha256:b6b8efc86732bc48c9fbddba53e2c191fd4f263c0ee98e2b1b7d3543e8d2121d"}, "metrics": {"logLoss": 0.097, "accuracy": 0.9667, "heldOutRows": 30}, "hyperparameters": {"seed": 4, "epochs": 80, "heldOut": "every fifth row", "optimizer": "adam", "activation": "tanh", "weightStep": 0.000244140625, "hiddenUnits": 8, "learningRate": 0.05}}, "load_ms": 10168.284276, "runtime": "tfjs", "log_tail": null, "model_id": "70cc1dc4-21d5-44a4-8c13-9f05618a5871", "parent_id": null, "signature": {"inputs": [{"name": "measurements", "shape": [-1, 4], "datatype": "FP32"}], "outputs": [{"name": "probabilities", "shape": [-1, 3], "datatype": "FP32"}]}, "created_at": "2026-11-29T01:04:05.548+00:00", "created_by": "system:samples", "description": "The sample that comes with Pilothouse.", "memory_bytes": 238223360, "validated_at": "2026-11-29T01:04:19.878+00:00", "row_independence": {"reason": "output \"probabilities\" of row 3 was 0.000940708094 in a batch of 3 and 0.000940708036 alone", "verdict": "ROUNDING"}},
{"id": "7d01d16c-53ee-4fdf-9e59-9afdac299861", "state": "REJECTED", "digest": "4dfef4f642b8e79587bee5bdfea5f1ccd4131ff476f1d382c99c66c62260b803", "format": "onnx", "number": 2, "reason": "Load model from /var/lib/pilothouse/validation/7d01d16c-53ee-4fdf-9e59-9afdac299861/model.onnx failed:Protobuf parsing failed.", "sample": null, "lineage": {}, "load_ms": null, "runtime": "onnx", "log_tail": "", "model_id": "509d4e04-b9f7-48c6-b2e5-1c7579738072", "parent_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "signature": null, "created_at": "2026-11-29T01:04:25.812+00:00", "created_by": "token:admin", "description": "cannot be loaded", "memory_bytes": null, "validated_at": "2026-11-29T01:04:27.166+00:00", "row_independence": null},
{"id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "state": "READY", "digest": "d40e2347dce69488a20b54881d8a57861ed93f21bcd69dd90e846f5633d50409", "format": "onnx", "number": 1, "reason": null, "sample": null, "lineage": {"dataset": {"name": "digits"}, "metrics": {"accuracy": 0.97}, "hyperparameters": {"depth": 3}}, "load_ms": 902.3740310000001, "runtime": "onnx", "log_tail": null, "model_id": "509d4e04-b9f7-48c6-b2e5-1c7579738072", "parent_id": null, "signature": {"inputs": [{"name": "pixels", "shape": [-1, 64], "datatype": "FP32"}], "outputs": [{"name": "label", "shape": [-1], "datatype": "INT64"}, {"name": "probabilities", "shape": [-1, 10], "datatype": "FP32"}]}, "created_at": "2026-11-29T01:04:25.745+00:00", "created_by": "token:admin", "description": "first", "memory_bytes": 83431424, "validated_at": "2026-11-29T01:04:27.212+00:00", "row_independence": {"reason": "4 rows gave the same bits alone, in batches of 2, 3, 8, 64, and beside a neighbour 100 times as large", "verdict": "INDEPENDENT"}}
]');

INSERT INTO "replica" SELECT * FROM jsonb_populate_recordset(NULL::"replica", '[
{"id": "35655d77-1161-4b20-abe1-9b3731543b5f", "pid": 20767, "state": "STOPPED", "reason": "Pilothouse was stopped", "address": "unix:/var/lib/pilothouse/run/sockets/d5ef350a56f36b94.sock", "attempt": 0, "backend": "tensorflow", "log_tail": null, "ready_at": "2026-11-29T01:04:25.408+00:00", "template": "a0fbc1c637076d2f", "exit_code": null, "created_at": "2026-11-29T01:04:20.716+00:00", "generation": 1, "stopped_at": "2026-11-29T01:04:34.027+00:00", "version_id": "6573fa34-1113-4315-a723-7d2f30b64571", "exit_signal": null, "start_after": "2026-11-29T01:04:20.713+00:00", "memory_bytes": 240177152, "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"id": "98076882-9ab0-43b8-b123-35d3e44f9ba3", "pid": 20898, "state": "STOPPED", "reason": "Pilothouse was stopped", "address": "unix:/var/lib/pilothouse/run/sockets/307480bb5044ba99.sock", "attempt": 0, "backend": "cpu", "log_tail": null, "ready_at": "2026-11-29T01:04:28.304+00:00", "template": "37d5a2f7db93d550", "exit_code": null, "created_at": "2026-11-29T01:04:27.416+00:00", "generation": 1, "stopped_at": "2026-11-29T01:04:34.027+00:00", "version_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "exit_signal": null, "start_after": "2026-11-29T01:04:27.392+00:00", "memory_bytes": 84406272, "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"id": "aa81ed05-a418-4c82-aed4-8987e03f0c4c", "pid": 20746, "state": "STOPPED", "reason": "Pilothouse was stopped", "address": "unix:/var/lib/pilothouse/run/sockets/85d566eefe2619aa.sock", "attempt": 0, "backend": "cpu", "log_tail": null, "ready_at": "2026-11-29T01:04:20.481+00:00", "template": "a0fbc1c637076d2f", "exit_code": null, "created_at": "2026-11-29T01:04:20.024+00:00", "generation": 1, "stopped_at": "2026-11-29T01:04:34.027+00:00", "version_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "exit_signal": null, "start_after": "2026-11-29T01:04:20.009+00:00", "memory_bytes": 84529152, "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"id": "b59dcc8b-2cff-4eb5-a1ec-86365c619120", "pid": 20912, "state": "STOPPED", "reason": "the deployment is being deleted", "address": "unix:/var/lib/pilothouse/run/sockets/e81950361c4bbcb5.sock", "attempt": 0, "backend": null, "log_tail": null, "ready_at": null, "template": "a0fbc1c637076d2f", "exit_code": null, "created_at": "2026-11-29T01:04:28.709+00:00", "generation": 1, "stopped_at": "2026-11-29T01:04:28.969+00:00", "version_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "exit_signal": null, "start_after": "2026-11-29T01:04:28.7+00:00", "memory_bytes": null, "deployment_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"}
]');

INSERT INTO "revision" SELECT * FROM jsonb_populate_recordset(NULL::"revision", '[
{"id": "009691d2-8e2e-4cda-82e2-ca82d3104b30", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 2, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 8, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "actor": "token:admin", "number": 1, "reason": "", "created_at": "2026-11-29T01:04:27.362+00:00", "rollback_to": null, "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"id": "0657ea36-f238-4e2f-90da-f0359b8dc720", "spec": {"targets": [{"weight": 100, "versionId": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "actor": "system:samples", "number": 1, "reason": "the sample that comes with Pilothouse", "created_at": "2026-11-29T01:04:19.942+00:00", "rollback_to": null, "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"id": "2083e8cc-5596-4225-b28c-48bdf6de36d9", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 2, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 20000, "maxDelayMs": 2, "maxBatchSize": 8, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "actor": "token:admin", "number": 2, "reason": "shorter", "created_at": "2026-11-29T01:04:28.529+00:00", "rollback_to": null, "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"id": "d61145ae-7a62-40f4-b93c-06d7b1103c58", "spec": {"targets": [{"weight": 100, "versionId": "6573fa34-1113-4315-a723-7d2f30b64571", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "actor": "system:samples", "number": 1, "reason": "the sample that comes with Pilothouse", "created_at": "2026-11-29T01:04:20.691+00:00", "rollback_to": null, "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"id": "d8c154ee-538e-4f1c-acec-f3ea518f07c2", "spec": {"targets": [{"weight": 100, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0}], "threads": 1, "batching": "AUTO", "maxQueue": 1000, "replicas": 1, "timeoutMs": 30000, "maxDelayMs": 2, "maxBatchSize": 64, "stickyHeader": null, "maxConcurrency": 2, "memoryLimitBytes": null}, "actor": "token:admin", "number": 1, "reason": "", "created_at": "2026-11-29T01:04:28.605+00:00", "rollback_to": null, "deployment_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"}
]');

INSERT INTO "rollout" SELECT * FROM jsonb_populate_recordset(NULL::"rollout", '[
{"id": "18490624-1d3c-40d3-b8fd-fd041e7fce6b", "state": "SUCCEEDED", "steps": [{"at": "2026-11-29T01:04:28.577Z", "name": "ROUTE_CHANGED", "message": "route table 4 sends generation 2 to version 1 (weight 100, 1 replicas)"}, {"at": "2026-11-29T01:04:28.656Z", "name": "ROLLOUT_SUCCEEDED", "message": "generation 2 is served by every gateway"}], "reason": null, "started_at": "2026-11-29T01:04:28.529+00:00", "finished_at": "2026-11-29T01:04:28.656+00:00", "revision_id": "2083e8cc-5596-4225-b28c-48bdf6de36d9", "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"id": "5c4feb74-5da0-4fb2-94a5-ca0a64aa4c7a", "state": "SUCCEEDED", "steps": [{"at": "2026-11-29T01:04:27.416Z", "name": "REPLICA_STARTING", "message": "replica 98076882 is STARTING"}, {"at": "2026-11-29T01:04:27.859Z", "name": "REPLICA_LOADING", "message": "replica 98076882 is LOADING"}, {"at": "2026-11-29T01:04:28.307Z", "name": "REPLICA_READY", "message": "replica 98076882 is READY: answered an inference on cpu"}, {"at": "2026-11-29T01:04:28.307Z", "name": "ROUTE_CHANGED", "message": "route table 3 sends generation 1 to version 1 (weight 100, 1 replicas)"}, {"at": "2026-11-29T01:04:28.396Z", "name": "ROLLOUT_SUCCEEDED", "message": "generation 1 is served by every gateway"}], "reason": null, "started_at": "2026-11-29T01:04:27.362+00:00", "finished_at": "2026-11-29T01:04:28.396+00:00", "revision_id": "009691d2-8e2e-4cda-82e2-ca82d3104b30", "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"id": "6ea8ad5b-93e5-451c-a3e5-6c453fee5868", "state": "SUCCEEDED", "steps": [{"at": "2026-11-29T01:04:20.716Z", "name": "REPLICA_STARTING", "message": "replica 35655d77 is STARTING"}, {"at": "2026-11-29T01:04:21.229Z", "name": "REPLICA_LOADING", "message": "replica 35655d77 is LOADING"}, {"at": "2026-11-29T01:04:25.409Z", "name": "REPLICA_READY", "message": "replica 35655d77 is READY: answered an inference on tensorflow"}, {"at": "2026-11-29T01:04:25.409Z", "name": "ROUTE_CHANGED", "message": "route table 2 sends generation 1 to version 1 (weight 100, 1 replicas)"}, {"at": "2026-11-29T01:04:25.469Z", "name": "ROLLOUT_SUCCEEDED", "message": "generation 1 is served by every gateway"}], "reason": null, "started_at": "2026-11-29T01:04:20.691+00:00", "finished_at": "2026-11-29T01:04:25.469+00:00", "revision_id": "d61145ae-7a62-40f4-b93c-06d7b1103c58", "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"},
{"id": "a91b2741-531b-4853-90ca-b60e90662f7b", "state": "SUCCEEDED", "steps": [{"at": "2026-11-29T01:04:20.024Z", "name": "REPLICA_STARTING", "message": "replica aa81ed05 is STARTING"}, {"at": "2026-11-29T01:04:20.344Z", "name": "REPLICA_LOADING", "message": "replica aa81ed05 is LOADING"}, {"at": "2026-11-29T01:04:20.486Z", "name": "REPLICA_READY", "message": "replica aa81ed05 is READY: answered an inference on cpu"}, {"at": "2026-11-29T01:04:20.486Z", "name": "ROUTE_CHANGED", "message": "route table 1 sends generation 1 to version 1 (weight 100, 1 replicas)"}, {"at": "2026-11-29T01:04:20.607Z", "name": "ROLLOUT_SUCCEEDED", "message": "generation 1 is served by every gateway"}], "reason": null, "started_at": "2026-11-29T01:04:19.942+00:00", "finished_at": "2026-11-29T01:04:20.607+00:00", "revision_id": "0657ea36-f238-4e2f-90da-f0359b8dc720", "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"id": "c1ff2b93-c611-4803-8824-947295f98897", "state": "SUPERSEDED", "steps": [{"at": "2026-11-29T01:04:28.709Z", "name": "REPLICA_STARTING", "message": "replica b59dcc8b is STARTING"}], "reason": "the deployment was deleted", "started_at": "2026-11-29T01:04:28.605+00:00", "finished_at": "2026-11-29T01:04:28.746+00:00", "revision_id": "d8c154ee-538e-4f1c-acec-f3ea518f07c2", "deployment_id": "cebd2cda-8d24-41a9-a05d-c53cad341ec4"}
]');

INSERT INTO "route" SELECT * FROM jsonb_populate_recordset(NULL::"route", '[
{"version": 5, "document": {"name": "digits", "project": "default", "targets": [{"format": "onnx", "weight": 100, "runtime": "onnx", "batching": {"maxDelayMs": 2, "maxBatchSize": 64}, "replicas": [], "signature": {"inputs": [{"name": "pixels", "shape": [-1, 64], "datatype": "FP32"}], "outputs": [{"name": "label", "shape": [-1], "datatype": "INT64"}, {"name": "probabilities", "shape": [-1, 10], "datatype": "FP32"}]}, "versionId": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a", "shadowPercent": 0, "versionDigest": "822e867205bbfd3c6e1a6c27bf8640d55976804537664be127e52371956ca038", "versionNumber": 1}], "maxQueue": 1000, "timeoutMs": 30000, "generation": 1, "deploymentId": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2", "stickyHeader": null, "maxConcurrency": 2}, "updated_at": "2026-11-29T01:04:34.027+00:00", "deployment_id": "1edb173f-2ee9-4f20-a610-71f3a7c92ad2"},
{"version": 6, "document": {"name": "vision.digits", "project": "vision", "targets": [{"format": "onnx", "weight": 100, "runtime": "onnx", "batching": {"maxDelayMs": 2, "maxBatchSize": 8}, "replicas": [], "signature": {"inputs": [{"name": "pixels", "shape": [-1, 64], "datatype": "FP32"}], "outputs": [{"name": "label", "shape": [-1], "datatype": "INT64"}, {"name": "probabilities", "shape": [-1, 10], "datatype": "FP32"}]}, "versionId": "fb65b93b-b4d9-420e-b105-a79c3a95be20", "shadowPercent": 0, "versionDigest": "d40e2347dce69488a20b54881d8a57861ed93f21bcd69dd90e846f5633d50409", "versionNumber": 1}], "maxQueue": 1000, "timeoutMs": 20000, "generation": 2, "deploymentId": "9f9aabdf-4330-424c-952f-199d495a4a0a", "stickyHeader": null, "maxConcurrency": 2}, "updated_at": "2026-11-29T01:04:34.027+00:00", "deployment_id": "9f9aabdf-4330-424c-952f-199d495a4a0a"},
{"version": 7, "document": {"name": "iris", "project": "default", "targets": [{"format": "tfjs-layers", "weight": 100, "runtime": "tfjs", "batching": null, "replicas": [], "signature": {"inputs": [{"name": "measurements", "shape": [-1, 4], "datatype": "FP32"}], "outputs": [{"name": "probabilities", "shape": [-1, 3], "datatype": "FP32"}]}, "versionId": "6573fa34-1113-4315-a723-7d2f30b64571", "shadowPercent": 0, "versionDigest": "ab4b5806945c564ed5d1439c749ae76e0028be66faf3c24039decc9372693e57", "versionNumber": 1}], "maxQueue": 1000, "timeoutMs": 30000, "generation": 1, "deploymentId": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "stickyHeader": null, "maxConcurrency": 2}, "updated_at": "2026-11-29T01:04:34.027+00:00", "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75"}
]');

INSERT INTO "route_table" SELECT * FROM jsonb_populate_recordset(NULL::"route_table", '[
{"id": 1, "version": 7}
]');

INSERT INTO "scaling_policy" SELECT * FROM jsonb_populate_recordset(NULL::"scaling_policy", '[
{"id": "31d01123-25b0-46cf-b423-47efa3e6f31b", "window_ms": 30000, "created_at": "2026-11-29T01:04:29.195+00:00", "created_by": "token:admin", "deleted_at": null, "generation": 1, "updated_at": "2026-11-29T01:04:29.195+00:00", "max_replicas": 3, "min_replicas": 1, "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "target_in_flight": 4, "scale_down_window_ms": 300000}
]');

INSERT INTO "scaling_decision" SELECT * FROM jsonb_populate_recordset(NULL::"scaling_decision", '[
{"at": "2026-11-29T01:04:30.01+00:00", "id": "6279ee97-8a58-4056-90eb-ce7ff6ea865e", "action": "HOLD", "inputs": {"load": {"6573fa34-1113-4315-a723-7d2f30b64571": {"windows": 0, "meanInFlight": 0}}, "rule": "MISSING_DATA", "windowMs": 30000, "maxReplicas": 3, "minReplicas": 1, "targetInFlight": 4, "currentReplicas": 1, "scaleDownWindowMs": 300000}, "reason": "nothing is changed while data is missing: gateway 889f3290, which started 26 s ago, has reported nothing yet on version 1 of iris", "policy_id": "31d01123-25b0-46cf-b423-47efa3e6f31b", "to_replicas": 1, "deployment_id": "36db5a38-c4c1-4326-9dcc-52f37f22cb75", "from_replicas": 1}
]');

INSERT INTO "version_file" SELECT * FROM jsonb_populate_recordset(NULL::"version_file", '[
{"path": "digits.onnx", "digest": "e666fb9c7fe85eb4bcfabd95167581b5981e63f827c5308f6eab978ab447ed64", "version_id": "014a7c78-8580-4f37-bae7-0ea14aa5dd1a"},
{"path": "model.json", "digest": "ab87a8d03b4567dba8f5da2173df36473654cd10e7c5be5ca40548a0755186a0", "version_id": "6573fa34-1113-4315-a723-7d2f30b64571"},
{"path": "model.onnx", "digest": "205ffa0aaca692b7de90802bdd8f5ef0acd2645a13675e1ab36941f76290771f", "version_id": "7d01d16c-53ee-4fdf-9e59-9afdac299861"},
{"path": "model.onnx", "digest": "e666fb9c7fe85eb4bcfabd95167581b5981e63f827c5308f6eab978ab447ed64", "version_id": "fb65b93b-b4d9-420e-b105-a79c3a95be20"},
{"path": "weights.bin", "digest": "697ece24b6f2576c9e3835d9e96b567bfd57927d88de8d29ea0c26da9c1559a1", "version_id": "6573fa34-1113-4315-a723-7d2f30b64571"}
]');

SELECT setval('"audit_entry_sequence_seq"', 32);

SELECT setval('"event_sequence_seq"', 53);

SELECT setval('"migration_id_seq"', 1);

ALTER SEQUENCE "audit_entry_sequence_seq" OWNED BY "audit_entry"."sequence";

ALTER SEQUENCE "event_sequence_seq" OWNED BY "event"."sequence";

ALTER SEQUENCE "migration_id_seq" OWNED BY "migration"."id";

ALTER TABLE alert ADD CONSTRAINT "PK_ad91cad659a3536465d564a4b2f" PRIMARY KEY (id);

ALTER TABLE alert_rule ADD CONSTRAINT "PK_e9bf555f33872d7b50eb2421a17" PRIMARY KEY (id);

ALTER TABLE api_token ADD CONSTRAINT "PK_d862311c568d175c26f41bc6f98" PRIMARY KEY (id);

ALTER TABLE artifact ADD CONSTRAINT "PK_d9bbd7d25b662adc30489300ed3" PRIMARY KEY (digest);

ALTER TABLE audit_entry ADD CONSTRAINT "PK_c30e76145b0ecf802cd4af44910" PRIMARY KEY (sequence);

ALTER TABLE deployment ADD CONSTRAINT "PK_ee1f952fc81f37c6fea69c2e248" PRIMARY KEY (id);

ALTER TABLE event ADD CONSTRAINT "PK_c50f73e4f73d3fb74903de36acb" PRIMARY KEY (sequence);

ALTER TABLE event_feed ADD CONSTRAINT "PK_748e639faa49a34d12d90e39713" PRIMARY KEY (id);

ALTER TABLE gateway ADD CONSTRAINT "PK_22c5b7ecdd6313de143815f9991" PRIMARY KEY (id);

ALTER TABLE idempotency_record ADD CONSTRAINT "PK_5087e52d0bd2ab8346bea3d2700" PRIMARY KEY (actor, key);

ALTER TABLE leadership ADD CONSTRAINT "PK_bbd26c5071e5c2f52b852f847f0" PRIMARY KEY (id);

ALTER TABLE metric_window ADD CONSTRAINT "PK_315aafc312b5c884c7dd6c90d5c" PRIMARY KEY (gateway_id, window_start, deployment_id, version_id);

ALTER TABLE migration ADD CONSTRAINT "PK_3043fc6b8af7c99b8b98830094f" PRIMARY KEY (id);

ALTER TABLE model ADD CONSTRAINT "PK_d6df271bba301d5cc79462912a4" PRIMARY KEY (id);

ALTER TABLE monitor ADD CONSTRAINT "PK_2206b1127c3617bd63373acba74" PRIMARY KEY (id);

ALTER TABLE monitor_run ADD CONSTRAINT "PK_99ec358f0afcb99d457554fa8e5" PRIMARY KEY (id);

ALTER TABLE project ADD CONSTRAINT "PK_4d68b1358bb5b766d3e78f32f57" PRIMARY KEY (id);

ALTER TABLE replica ADD CONSTRAINT "PK_f319ce5a90abd2823a9cdd08c24" PRIMARY KEY (id);

ALTER TABLE revision ADD CONSTRAINT "PK_f4767cdf0c0e78041514e5a94be" PRIMARY KEY (id);

ALTER TABLE rollout ADD CONSTRAINT "PK_96a66b8ca2a1fb3c7d647b00762" PRIMARY KEY (id);

ALTER TABLE route ADD CONSTRAINT "PK_4b11d1beabc548d8eb468ea3f5d" PRIMARY KEY (deployment_id);

ALTER TABLE route_table ADD CONSTRAINT "PK_122d1d594e0cc44b4f62baa0934" PRIMARY KEY (id);

ALTER TABLE scaling_decision ADD CONSTRAINT "PK_f2c3af0c13bae65b5ebe902801c" PRIMARY KEY (id);

ALTER TABLE scaling_policy ADD CONSTRAINT "PK_71ab9add9a08cd45a6830da1ae1" PRIMARY KEY (id);

ALTER TABLE version ADD CONSTRAINT "PK_4fb5fbb15a43da9f35493107b1d" PRIMARY KEY (id);

ALTER TABLE version_file ADD CONSTRAINT "PK_6a09629f37a669642fcaff4574c" PRIMARY KEY (version_id, path);

ALTER TABLE api_token ADD CONSTRAINT "UQ_60221392192b32c7560c128a6fa" UNIQUE (hash);

ALTER TABLE api_token ADD CONSTRAINT "UQ_8b2c31d18cfaa1f93b4c9f142b5" UNIQUE (name);

ALTER TABLE event ADD CONSTRAINT "UQ_1196bc649c169d0911d739399ff" UNIQUE ("position");

ALTER TABLE model ADD CONSTRAINT "UQ_bf47c8d7e471d264580c7a7918f" UNIQUE (project_id, name);

ALTER TABLE project ADD CONSTRAINT "UQ_dedfea394088ed136ddadeee89c" UNIQUE (name);

ALTER TABLE revision ADD CONSTRAINT "UQ_23f6d09fb3c0deee2373f1ab864" UNIQUE (deployment_id, number);

ALTER TABLE rollout ADD CONSTRAINT "UQ_ac067606703e3050eb6b8e4351b" UNIQUE (revision_id);

ALTER TABLE version ADD CONSTRAINT "UQ_5ddf2adc4c48ad000fcfd994664" UNIQUE (model_id, number);

ALTER TABLE event_feed ADD CONSTRAINT "event_feed_one_row" CHECK ((id = 1));

ALTER TABLE leadership ADD CONSTRAINT "leadership_one_row" CHECK ((id = 1));

ALTER TABLE route_table ADD CONSTRAINT "route_table_one_row" CHECK ((id = 1));

ALTER TABLE alert ADD CONSTRAINT "FK_e9bf555f33872d7b50eb2421a17" FOREIGN KEY (rule_id) REFERENCES alert_rule(id);

ALTER TABLE alert_rule ADD CONSTRAINT "FK_7a19ef5ce8e1744a7c9a9aa9bc8" FOREIGN KEY (monitor_id) REFERENCES monitor(id);

ALTER TABLE deployment ADD CONSTRAINT "FK_68ce38ec257e4e26bd905da3bff" FOREIGN KEY (project_id) REFERENCES project(id);

ALTER TABLE model ADD CONSTRAINT "FK_e71e1f36f74adcb5a4ef5f931af" FOREIGN KEY (project_id) REFERENCES project(id);

ALTER TABLE monitor ADD CONSTRAINT "FK_2d9b5649a9a458b10b0bc917520" FOREIGN KEY (deployment_id) REFERENCES deployment(id);

ALTER TABLE monitor_run ADD CONSTRAINT "FK_a365539988e5ca8b187e54a8175" FOREIGN KEY (monitor_id) REFERENCES monitor(id);

ALTER TABLE replica ADD CONSTRAINT "FK_362fa2989997876915e5e1aa626" FOREIGN KEY (version_id) REFERENCES version(id);

ALTER TABLE replica ADD CONSTRAINT "FK_a63c36ffb381013f16ba7588ffa" FOREIGN KEY (deployment_id) REFERENCES deployment(id);

ALTER TABLE revision ADD CONSTRAINT "FK_d89630841f1d280f043875dd7d7" FOREIGN KEY (deployment_id) REFERENCES deployment(id);

ALTER TABLE rollout ADD CONSTRAINT "FK_ac067606703e3050eb6b8e4351b" FOREIGN KEY (revision_id) REFERENCES revision(id);

ALTER TABLE scaling_decision ADD CONSTRAINT "FK_09df0cac8527272d38d1b4c5c25" FOREIGN KEY (policy_id) REFERENCES scaling_policy(id);

ALTER TABLE scaling_policy ADD CONSTRAINT "FK_0704b16b57a06d3b6da6d1054f5" FOREIGN KEY (deployment_id) REFERENCES deployment(id);

ALTER TABLE version ADD CONSTRAINT "FK_173455a6475b98998e8d10da994" FOREIGN KEY (parent_id) REFERENCES version(id);

ALTER TABLE version ADD CONSTRAINT "FK_7db01f71d52bcd8b1da81665b2f" FOREIGN KEY (model_id) REFERENCES model(id);

ALTER TABLE version_file ADD CONSTRAINT "FK_1c44bec731135b08d7be7280fea" FOREIGN KEY (digest) REFERENCES artifact(digest);

ALTER TABLE version_file ADD CONSTRAINT "FK_24c9ae57e06e2feee424c46e071" FOREIGN KEY (version_id) REFERENCES version(id) ON DELETE CASCADE;

CREATE INDEX "IDX_173455a6475b98998e8d10da99" ON public.version USING btree (parent_id);

CREATE INDEX "IDX_1c44bec731135b08d7be7280fe" ON public.version_file USING btree (digest);

CREATE INDEX "IDX_30aed5a260e319e2b73477b325" ON public.rollout USING btree (deployment_id, started_at);

CREATE INDEX "IDX_48143665f2f85ebb0daf5fd3df" ON public.metric_window USING btree (deployment_id, window_start);

CREATE INDEX "IDX_6a3061bd6008bf814d8f561352" ON public.replica USING btree (deployment_id, state);

CREATE INDEX "IDX_6c5822a6b5fd6e0ad55b680e07" ON public.alert USING btree (deployment_id);

CREATE INDEX "IDX_7d88337dc0fb4743328be2fc76" ON public.scaling_decision USING btree (deployment_id, at);

CREATE INDEX "IDX_81367626aaf5ced8bfa8e3d4a2" ON public.route USING btree (version);

CREATE INDEX "IDX_88820e988e8c08e44127ee6a57" ON public.event USING btree (subject_id, "position");

CREATE INDEX "IDX_9ec4b5c8992eb96b53e55ffa1a" ON public.monitor_run USING btree (monitor_id, started_at);

CREATE INDEX "IDX_b6c6f30f4a259c370a50929c8f" ON public.audit_entry USING btree (object_type, object_id);

CREATE UNIQUE INDEX alert_firing ON public.alert USING btree (rule_id) WHERE (state = 'FIRING'::text);

CREATE INDEX alert_rule_fired ON public.alert USING btree (rule_id, fired_at);

CREATE UNIQUE INDEX alert_rule_name ON public.alert_rule USING btree (monitor_id, name) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX deployment_name ON public.deployment USING btree (project_id, name) WHERE (phase <> 'DELETED'::text);

CREATE INDEX event_unsequenced ON public.event USING btree (sequence) WHERE ("position" IS NULL);

CREATE UNIQUE INDEX monitor_name ON public.monitor USING btree (deployment_id, name) WHERE (deleted_at IS NULL);

CREATE INDEX scaling_decision_policy ON public.scaling_decision USING btree (policy_id, at);

CREATE UNIQUE INDEX scaling_policy_deployment ON public.scaling_policy USING btree (deployment_id) WHERE (deleted_at IS NULL);

CREATE INDEX version_validating ON public.version USING btree (created_at) WHERE (state = 'VALIDATING'::text);
