CREATE TABLE clients (
    id integer PRIMARY KEY,
    email text NOT NULL UNIQUE
);

CREATE TABLE orders (
    id integer PRIMARY KEY,
    client_id integer NOT NULL REFERENCES clients,
    status text NOT NULL,
    total integer NOT NULL
);

CREATE INDEX orders_status ON orders (status);
CREATE INDEX orders_status_total ON orders (status, total);
