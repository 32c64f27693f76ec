#!/bin/sh
# Environments for the platform's engines, each in $1/tf<version>; made once.
set -eu
engines=$1
if [ -z "${PYTHON37:-}" ]; then
    echo "SKIPPED: no Python 3.7 found, so no engine of the platform is tried; set PYTHON37 to one" >&2
    exit 0
fi
requirements=$(cd "$(dirname "$0")/../.." && pwd)/requirements.txt

install() {  # name, packages...
    name=$1; shift
    [ -e "$engines/$name/complete" ] && return
    rm -rf "${engines:?}/$name"
    "$PYTHON37" -m venv "$engines/$name"
    # The pip that comes with 3.7 takes source releases for wheels; protobuf and NumPy as these wheels were built for.
    "$engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check "pip<24.1"
    "$engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check "protobuf<3.21" "$@"
    touch "$engines/$name/complete"
    echo "$name: $("$engines/$name/bin/python" -m pip list 2>/dev/null | grep -E '^(tensorflow|tensorflow-cpu|numpy) ' | tr -s ' \n' ' ')"
}

mkdir -p "$engines"
install tf1.15.5 tensorflow==1.15.5
# Where jobs train, the project's own requirements are installed over the engine, as the platform does.
install tf2.1.0 tensorflow-cpu==2.1.0 "numpy<1.20" botocore -r "$requirements"
install tf2.6.2 tensorflow-cpu==2.6.2 -r "$requirements"
