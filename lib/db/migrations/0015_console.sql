-- What the console shows and does through metadata-api, for administrators: the backlog, and dropping dead letters.
GRANT SELECT ON outbox, deletions TO safelight_api;
GRANT UPDATE (dropped_at) ON dead_letters TO safelight_api;
