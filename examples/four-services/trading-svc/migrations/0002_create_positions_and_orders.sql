CREATE TABLE trading.positions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    strategy_id bigint NOT NULL REFERENCES trading.strategies,
    symbol text NOT NULL,
    quantity numeric(18, 8) NOT NULL,
    UNIQUE (strategy_id, symbol)
);

CREATE TABLE trading.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position_id bigint NOT NULL REFERENCES trading.positions,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity numeric(18, 8) NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
);
