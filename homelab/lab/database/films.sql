CREATE ROLE reader LOGIN;

CREATE TABLE films (title text PRIMARY KEY, year integer NOT NULL);

INSERT INTO films VALUES
  ('Nosferatu', 1922), ('The Last Laugh', 1924), ('The General', 1926), ('Metropolis', 1927), ('Sunrise', 1927);

GRANT SELECT ON films TO reader;

