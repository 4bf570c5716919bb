"""Helpers for all parts of edgevid, which depend on none of them."""
