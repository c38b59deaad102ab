-- The two roles of the manifests: one owns what the migrations make, the other uses it. Run it once, as an administrator, in
-- the service's database. Passwords are examples, as in database-secret.yaml.
CREATE ROLE shop_owner LOGIN PASSWORD 'secret';
CREATE ROLE shop LOGIN PASSWORD 'secret';

-- Only the owner may create. A role that is also to create schemas needs CREATE on the database as well.
GRANT USAGE, CREATE ON SCHEMA public TO shop_owner;
GRANT USAGE ON SCHEMA public TO shop;

-- Whatever the owner will make, the service may use from that moment on. A follower needs no more than SELECT, and that on
-- the history table (_prisma_migrations), too.
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shop;
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner GRANT USAGE, SELECT ON SEQUENCES TO shop;
