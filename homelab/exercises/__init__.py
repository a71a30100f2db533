"""Exercises for *On your own*: one module a stage, and a look at the live world that says whether they are done."""
