-- Live settings of pools stand in NATS, whose files may be lost; here is a copy, from which the reconciler puts them back.
CREATE TABLE pool_settings (
    pool       text        PRIMARY KEY CHECK (pool ~ '^[a-z0-9_]{1,32}$'),
    history    json        NOT NULL,   -- oldest first: {"value": what was put, as text} or {"deleted": true}
    updated_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE ON pool_settings TO safelight_ingest;
