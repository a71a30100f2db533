"""Applications of our own: they run in the lab and at home, and import nothing of ours."""
