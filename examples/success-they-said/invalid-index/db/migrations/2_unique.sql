-- migrate:up transaction:false
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS pear_id ON pear (id);
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY pear_id;
