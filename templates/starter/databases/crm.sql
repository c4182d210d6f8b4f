CREATE TABLE contact (
    external_id INTEGER PRIMARY KEY,
    full_name TEXT,
    email TEXT,
    lifetime_value INTEGER,
    last_order TEXT,
    segment TEXT
);
