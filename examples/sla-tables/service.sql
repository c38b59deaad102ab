-- The first queries of backend and worker: the dashboard's policies, and the metrics that may be late.
\pset tuples_only on
\pset format unaligned

INSERT INTO "SLAPolicy" ("id", "name", "priority", "responseTimeMinutes", "resolutionTimeMinutes", "updatedAt")
VALUES ('critical', 'Critical tickets', 'Critical', 15, 240, now())
ON CONFLICT DO NOTHING;

SELECT 'backend: ' || count(*) || ' policy' FROM "SLAPolicy" WHERE "isActive";

SELECT 'worker: ' || count(*) || ' metrics to look at' FROM "SLAMetric" m JOIN "SLAPolicy" p ON p."id" = m."policyId"
WHERE m."status" <> 'Breached' AND m."resolutionDueAt" < now();
