-- The two accounts of mysql.yaml: one migrates, the other uses the tables. Run this once, as an administrator. Passwords are
-- examples, as in mysql.yaml. Without the database, doorstep creates it with the rights of the first account.
CREATE USER 'shop_owner'@'%' IDENTIFIED BY 'secret';
GRANT ALL PRIVILEGES ON `shop`.* TO 'shop_owner'@'%';

-- A right on a database also counts for the tables that are created later.
CREATE USER 'shop'@'%' IDENTIFIED BY 'secret';
GRANT SELECT, INSERT, UPDATE, DELETE ON `shop`.* TO 'shop'@'%';
