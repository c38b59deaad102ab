-- What the postgres image runs once, while the volume is empty (docker-entrypoint-initdb.d). Roles and their rights are
-- the database's business, not a migration's.
CREATE ROLE ai_service LOGIN PASSWORD 'ai_service';
CREATE DATABASE ai_service OWNER ai_service;

-- The workers may look at whatever the services' migrations make, now and later, and at nothing else.
CREATE ROLE worker LOGIN PASSWORD 'worker';
\connect ai_service
ALTER DEFAULT PRIVILEGES FOR ROLE ai_service GRANT USAGE ON SCHEMAS TO worker;
ALTER DEFAULT PRIVILEGES FOR ROLE ai_service GRANT SELECT ON TABLES TO worker;
