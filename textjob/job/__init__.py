"""What surrounds the training: nodes, storage, the output folder, locks and signals."""
