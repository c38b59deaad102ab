-- The two roles of the manifests: one owns the objects that the migrations create, the other uses them. Run this once, as an
-- administrator, in the service's database. Passwords are examples, as in database-secret.yaml.
CREATE ROLE shop_owner LOGIN PASSWORD 'secret';
CREATE ROLE shop LOGIN PASSWORD 'secret';

-- Only the owner may create objects. To create schemas, the role also needs CREATE on the database.
GRANT USAGE, CREATE ON SCHEMA public TO shop_owner;
GRANT USAGE ON SCHEMA public TO shop;

-- The service may use every object that the owner creates from now on. A follower only needs SELECT, also on the history
-- table (_prisma_migrations).
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT USAGE, SELECT ON SEQUENCES TO shop;
