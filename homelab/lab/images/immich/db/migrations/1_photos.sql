CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL,
    name text NOT NULL,
    password text NOT NULL,
    is_admin boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

-- What lets somebody in: a login's access token or an API key; only its SHA-256 is kept.
CREATE TABLE tokens (
    hash bytea PRIMARY KEY,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    key_name text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE assets (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    device_asset_id text NOT NULL DEFAULT '',
    checksum bytea NOT NULL,
    type text NOT NULL,
    mime text NOT NULL,
    name text NOT NULL,
    path text NOT NULL,
    size bigint NOT NULL,
    width integer,
    height integer,
    make text,
    model text,
    latitude double precision,
    longitude double precision,
    favorite boolean NOT NULL DEFAULT false,
    taken_at timestamptz NOT NULL,
    local_at timestamp NOT NULL,
    modified_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (owner_id, checksum)
);
CREATE INDEX assets_time ON assets (owner_id, local_at DESC);

CREATE TABLE albums (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE album_assets (
    album_id uuid NOT NULL REFERENCES albums ON DELETE CASCADE,
    asset_id uuid NOT NULL REFERENCES assets ON DELETE CASCADE,
    PRIMARY KEY (album_id, asset_id)
);

CREATE TABLE version_history (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    version text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
