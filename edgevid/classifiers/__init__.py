"""Window of embeddings -> class probabilities."""
