"""TensorFlow Serving's APIs on the loaded versions: REST and gRPC."""
