-- The monitoring tables. The database makes them itself, on its first start; no tool of the service knows this file.

CREATE TABLE monitoring_reports (
    id                TEXT PRIMARY KEY,
    report_id         TEXT NOT NULL,
    start_time        TIMESTAMP(3) NOT NULL,
    end_time          TIMESTAMP(3) NOT NULL,
    total_runs        INTEGER NOT NULL DEFAULT 0,
    successful_runs   INTEGER NOT NULL DEFAULT 0,
    failed_runs       INTEGER NOT NULL DEFAULT 0,
    total_duration_ms INTEGER NOT NULL DEFAULT 0,
    avg_duration_ms   DOUBLE PRECISION NOT NULL DEFAULT 0,
    success_rate      DOUBLE PRECISION NOT NULL DEFAULT 0,
    report_type       TEXT NOT NULL DEFAULT 'daily',
    summary           JSONB,
    generated_at      TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    notified_at       TIMESTAMP(3),
    created_at        TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at        TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX monitoring_reports_report_id_key ON monitoring_reports (report_id);
CREATE INDEX monitoring_reports_report_type_generated_at_idx ON monitoring_reports (report_type, generated_at);

CREATE TYPE workflow_status AS ENUM ('PENDING', 'RUNNING', 'SUCCESS', 'FAILURE', 'TIMEOUT');

CREATE TABLE workflow_executions (
    id            TEXT PRIMARY KEY,
    run_id        TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    status        workflow_status NOT NULL DEFAULT 'PENDING',
    started_at    TIMESTAMP(3) NOT NULL,
    completed_at  TIMESTAMP(3),
    duration_ms   INTEGER,
    tests_passed  INTEGER NOT NULL DEFAULT 0,
    tests_failed  INTEGER NOT NULL DEFAULT 0,
    tests_total   INTEGER NOT NULL DEFAULT 0,
    error_message TEXT,
    error_stack   TEXT,
    triggered_by  TEXT NOT NULL DEFAULT 'schedule',
    metadata      JSONB,
    report_id     TEXT REFERENCES monitoring_reports (report_id) ON DELETE SET NULL ON UPDATE CASCADE,
    created_at    TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at    TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX workflow_executions_run_id_key ON workflow_executions (run_id);
CREATE INDEX workflow_executions_workflow_name_started_at_idx ON workflow_executions (workflow_name, started_at);
CREATE INDEX workflow_executions_status_idx ON workflow_executions (status);
CREATE INDEX workflow_executions_report_id_idx ON workflow_executions (report_id);

CREATE TABLE workflow_metrics (
    id                  TEXT PRIMARY KEY,
    workflow_id         TEXT NOT NULL,
    metric_name         TEXT NOT NULL,
    metric_value        DOUBLE PRECISION NOT NULL,
    metric_unit         TEXT,
    threshold_value     DOUBLE PRECISION,
    is_within_threshold BOOLEAN NOT NULL DEFAULT true,
    recorded_at         TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    execution_id        TEXT REFERENCES workflow_executions (id) ON DELETE CASCADE ON UPDATE CASCADE,
    created_at          TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX workflow_metrics_metric_name_recorded_at_idx ON workflow_metrics (metric_name, recorded_at);
CREATE INDEX workflow_metrics_execution_id_idx ON workflow_metrics (execution_id);

CREATE TYPE check_status AS ENUM ('HEALTHY', 'DEGRADED', 'DOWN');

CREATE TABLE system_health_checks (
    id               TEXT PRIMARY KEY,
    check_id         TEXT NOT NULL,
    check_name       TEXT NOT NULL,
    status           check_status NOT NULL,
    endpoint         TEXT,
    response_time_ms INTEGER,
    checked_at       TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expected_status  INTEGER NOT NULL DEFAULT 200,
    actual_status    INTEGER,
    error_message    TEXT,
    execution_id     TEXT REFERENCES workflow_executions (id) ON DELETE CASCADE ON UPDATE CASCADE,
    created_at       TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX system_health_checks_check_id_key ON system_health_checks (check_id);
CREATE INDEX system_health_checks_check_name_checked_at_idx ON system_health_checks (check_name, checked_at);

CREATE TABLE notification_logs (
    id                TEXT PRIMARY KEY,
    log_id            TEXT NOT NULL,
    notification_type TEXT NOT NULL,
    channel           TEXT NOT NULL DEFAULT 'slack',
    recipient         TEXT NOT NULL,
    message           TEXT NOT NULL,
    sent_at           TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    delivery_status   TEXT NOT NULL DEFAULT 'sent',
    error_message     TEXT,
    retry_count       INTEGER NOT NULL DEFAULT 0,
    execution_id      TEXT REFERENCES workflow_executions (id) ON DELETE CASCADE ON UPDATE CASCADE,
    report_id         TEXT REFERENCES monitoring_reports (report_id) ON DELETE SET NULL ON UPDATE CASCADE,
    created_at        TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX notification_logs_log_id_key ON notification_logs (log_id);
CREATE INDEX notification_logs_sent_at_idx ON notification_logs (sent_at);

CREATE TABLE workflow_schedules (
    id              TEXT PRIMARY KEY,
    schedule_id     TEXT NOT NULL,
    workflow_name   TEXT NOT NULL,
    cron_expression TEXT NOT NULL,
    timezone        TEXT NOT NULL DEFAULT 'UTC',
    enabled         BOOLEAN NOT NULL DEFAULT true,
    last_run_at     TIMESTAMP(3),
    next_run_at     TIMESTAMP(3),
    run_count       INTEGER NOT NULL DEFAULT 0,
    failure_count   INTEGER NOT NULL DEFAULT 0,
    success_count   INTEGER NOT NULL DEFAULT 0,
    config          JSONB,
    created_at      TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX workflow_schedules_schedule_id_key ON workflow_schedules (schedule_id);
CREATE INDEX workflow_schedules_enabled_next_run_at_idx ON workflow_schedules (enabled, next_run_at);
