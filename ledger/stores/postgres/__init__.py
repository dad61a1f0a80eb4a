"""A book in PostgreSQL that several processes share. Loaded only where a config asks for it."""
