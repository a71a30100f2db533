"""One file with everything that a first set-up downloads and builds, for seats that have no network."""
