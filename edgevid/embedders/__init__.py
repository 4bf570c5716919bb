"""Sample -> embedding."""
