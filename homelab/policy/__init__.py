"""The policy file: read and edited with its comments, what it allows, what it may not take away."""
