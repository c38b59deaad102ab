-- The first queries of the Phase 5 service: the operators' view of each client, and an alert that was logged before.
\pset tuples_only on
\pset format unaligned

INSERT INTO alert_logs (id, alert_type, alert_key, message) VALUES ('a2', 'STUCK_CLIENT', 'c1', 'c1 is stuck again')
ON CONFLICT (id) DO NOTHING;

SELECT business_name || ': alerts muted ' || left(ops_alerts_muted::text, 1) || ', payment gate ' || payment_gate_alert_count || ', ' || b.status
FROM clients c JOIN client_controls ON client_controls.client_id = c.id JOIN client_billing b ON b.client_id = c.id ORDER BY business_name;

SELECT alert_type || ' of ' || alert_key || ': said ' || count(*) || ' times' FROM alert_logs GROUP BY alert_type, alert_key;
