"""The one door to the TensorFlow Lite interpreter, and what is done to its files."""
