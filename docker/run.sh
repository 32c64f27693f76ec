#!/bin/sh
# Serves the package of the image. The image's CMD starts this file, and so do batch services of ModelArts.
# The platform shows standard output as the log of the service.
home=$(dirname "$0")/mind
exec python "$home/infer.py" serve --model "$home/model" --host 0.0.0.0 --port "${PORT:-8080}" "$@" 2>&1
