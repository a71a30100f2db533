"""Small clients of the services' own APIs: what a check asks as its user would."""
