"""Ways through other machines: exit nodes, subnet routes, and what happens when a router dies."""
