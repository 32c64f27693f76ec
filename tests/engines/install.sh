#!/bin/sh
# Creates an environment for each of the platform's engines in $1/tf<version>, unless it exists.
set -eu
engines=$1
if [ -z "${PYTHON37:-}" ]; then
    echo "SKIPPED: Python 3.7 is missing, so the engines of the platform are not tested; set PYTHON37 to its path" >&2
    exit 0
fi
requirements=$(cd "$(dirname "$0")/../.." && pwd)/requirements.txt

install() {  # name, TensorFlow Serving's client, packages...
    name=$1; client=$2; shift 2
    [ -e "$engines/$name/complete" ] && return
    rm -rf "${engines:?}/$name"
    "$PYTHON37" -m venv "$engines/$name"
    # The pip of Python 3.7 prefers source releases to wheels. protobuf and NumPy have the versions of these wheels.
    "$engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check "pip<24.1"
    "$engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check "protobuf<3.21" "$@"
    # On training images the platform installs the project's requirements in addition. A command of its own, because
    # TensorFlow 2.1 names one version of SciPy, which it does not need.
    [ "$name" = tf1.15.5 ] || "$engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    # The client of TensorFlow Serving; with its dependencies, pip would install another TensorFlow.
    "$engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$client"
    touch "$engines/$name/complete"
    echo "$name: $("$engines/$name/bin/python" -m pip list 2>/dev/null | grep -E '^(tensorflow|tensorflow-cpu|numpy) ' | tr -s ' \n' ' ')"
}

mkdir -p "$engines"
install tf1.15.5 tensorflow-serving-api==1.15.0 tensorflow==1.15.5
install tf2.1.0 tensorflow-serving-api==2.1.0 tensorflow-cpu==2.1.0 "numpy<1.20" botocore
install tf2.6.2 tensorflow-serving-api==2.6.2 tensorflow-cpu==2.6.2
