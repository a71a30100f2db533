-- Immich v3 forgot the identifiers that a phone had for its photos: the checksum alone tells duplicates.
ALTER TABLE assets DROP COLUMN device_asset_id;
