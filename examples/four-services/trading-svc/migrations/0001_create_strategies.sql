CREATE TABLE trading.strategies (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    is_live boolean NOT NULL DEFAULT false
);
