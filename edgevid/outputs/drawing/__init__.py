"""Pictures of predictions: annotated frames and timelines. Used by ``edgevid demo``."""
