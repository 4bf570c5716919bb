"""Models on disk: find them, verify them, read their cards."""
