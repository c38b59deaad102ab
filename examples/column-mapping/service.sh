#!/bin/sh
# The daemon's first queries: insert a report and an execution that belongs to it, and read both through their relation.
set -eu
psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$DATABASE_URL" <<'SQL'
INSERT INTO monitoring_reports (id, report_id, start_time, end_time, total_runs, successful_runs, avg_duration_ms)
VALUES ('r1', 'daily-1', now(), now(), 1, 1, 42) ON CONFLICT DO NOTHING;
INSERT INTO workflow_executions (id, run_id, workflow_name, status, started_at, duration_ms, report_id)
VALUES ('e1', 'run-1', 'health-check', 'SUCCESS', now(), 42, 'daily-1') ON CONFLICT DO NOTHING;
SELECT report_id || ': ' || successful_runs || ' of ' || total_runs || ' runs successful, average ' || avg_duration_ms || ' ms'
FROM monitoring_reports;
SELECT e.workflow_name || ' belongs to ' || r.report_id
FROM workflow_executions e JOIN monitoring_reports r ON r.report_id = e.report_id;
SQL
