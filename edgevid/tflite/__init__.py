"""The only access to the TensorFlow Lite interpreter, and tools for its files."""
