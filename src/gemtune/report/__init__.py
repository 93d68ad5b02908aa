"""The report and the model card: what people read of a comparison."""
