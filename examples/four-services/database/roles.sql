-- The postgres image runs this once, if the volume is empty (docker-entrypoint-initdb.d). Roles and their privileges belong to the
-- database, not to a migration.
CREATE ROLE ai_service LOGIN PASSWORD 'ai_service';
CREATE DATABASE ai_service OWNER ai_service;

-- The workers may read everything that the services' migrations create, now and later, and nothing else.
CREATE ROLE worker LOGIN PASSWORD 'worker';
\connect ai_service
ALTER DEFAULT PRIVILEGES FOR ROLE ai_service GRANT USAGE ON SCHEMAS TO worker;
ALTER DEFAULT PRIVILEGES FOR ROLE ai_service GRANT SELECT ON TABLES TO worker;
