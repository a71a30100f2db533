"""Checks that several stages ask: each asks one question, from one vantage point, and shows what it saw."""
