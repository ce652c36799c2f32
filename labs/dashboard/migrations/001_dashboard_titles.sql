-- Search in the screen picker looks titles up by their beginning.
CREATE INDEX IF NOT EXISTS dashboards_by_title ON dashboards (title);
