#!/usr/bin/env bash
# The whole story on real data: train, register, promote, resolve, verify, use, roll forward, audit, tamper.
#
#   PYTHON        has the registry's service installed       [default: python3]
#   DEMO_PYTHON   has requirements-example.txt installed     [default: $PYTHON]
#
# It starts a server of its own on a free port, over a root in a temporary directory, and removes both at
# the end; on a terminal it waits before that, so that you can look at the pages. It exits with an error as soon as an
# answer is not as expected. `make demo` prepares both Pythons.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
absolute() { case $1 in */*) printf '%s/%s' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")" ;; *) command -v "$1" ;; esac }
python=$(absolute "${PYTHON:-python3}")
demo_python=$(absolute "${DEMO_PYTHON:-$python}")
cd "$here/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/registry-demo.XXXXXX")
server=""
finish() {
    status=$?
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    if [ $status -ne 0 ] && [ -s "$work/server.log" ]; then
        echo "--- the server's last words:" >&2
        tail -n 20 "$work/server.log" >&2
    fi
    chmod -R u+rwX "$work" && rm -rf "$work"
    exit $status
}
trap finish EXIT

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# call EXPECTED_STATUS CURL_ARGUMENTS...: prints the call and the answer; the body is kept for `field`.
answer="$work/answer.json"
call() {
    local expected=$1 status argument
    shift
    printf '$ curl'
    for argument in "$@"; do
        case $argument in
            *[!A-Za-z0-9_.,:=@/-]*) printf " '%s'" "$argument" ;;
            *) printf ' %s' "$argument" ;;
        esac
    done | sed "s|$work|\$WORK|g"
    printf '\n'
    status=$(curl --silent --show-error --noproxy '*' --max-time 120 --output "$answer" --write-out '%{http_code}' "$@")
    printf '%s ' "$status"
    "$python" -m json.tool --compact "$answer" | cut -c 1-400 | sed "s|$work|\$WORK|g"
    [ "$status" = "$expected" ] || fail "expected status $expected"
}

# field NAME...: one value of the last answer, found by its path of keys and numbers.
field() {
    "$python" -c '
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value[int(key)] if isinstance(value, list) else value[key]
print(value)' "$answer" "$@"
}

# expect VALUE NAME...: that value is in the last answer.
expect() {
    local wanted=$1 found
    shift
    found=$(field "$@") || fail "the answer has no $*"
    [ "$found" = "$wanted" ] || fail "$*: expected $wanted, got $found"
}

json_post=(--request POST --header 'Content-Type: application/json')

step "1  A server of its own, over an empty registry"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$work/registry" "$work/packages"
export OMNIBIOAI_MODEL_REGISTRY_ROOT="$work/registry"
export OMNIBIOAI_MODEL_REGISTRY_ARTIFACTS_ALLOWED_ROOTS="$work/packages"
export OMNIBIOAI_MODEL_REGISTRY_REQUIRED_FILES="model.pt,model_genes.txt,label_map.json,metrics.json,feature_schema.json"
OMNIBIOAI_MODEL_REGISTRY_HOST=127.0.0.1 OMNIBIOAI_MODEL_REGISTRY_PORT=$port \
    "$python" -m gunicorn --config deploy/gunicorn.conf.py wsgi:application >"$work/server.log" 2>&1 &
server=$!
url="http://127.0.0.1:$port"
for _ in $(seq 150); do
    curl --silent --noproxy '*' --fail --output /dev/null "$url/health" && break
    kill -0 "$server" 2>/dev/null || fail "the server ended at its start"
    sleep 0.1
done
call 200 "$url/health"
expect True registry_root_configured

step "2  Train two classifiers on PBMC cells, measured on cells held out from training"
"$demo_python" "$here/train.py" "$work/packages/v1" --genes 50
"$demo_python" "$here/train.py" "$work/packages/v2"

# register VERSION: the package of that version, with its measured figures as metadata.
register() {
    "$python" -c '
import json, sys
version, package = sys.argv[1:]
metrics = json.load(open(package + "/metrics.json"))
figures = {name: metrics[name] for name in ("accuracy", "macro_f1", "genes", "held_out_cells")}
metadata = {"framework": "numpy", "dataset": metrics["dataset"], "run_id": "demo-" + version, "metrics": figures}
print(json.dumps({"task": "celltype", "model_name": "human_pbmc", "version": version, "artifacts_dir": package,
                  "metadata": metadata, "actor": "demo-training-job", "reason": "trained by examples/pbmc_celltype"}))
' "$1" "$work/packages/$1" >"$work/request.json"
    call 201 "${json_post[@]}" --data "@$work/request.json" "$url/v1/register"
    expect "$1" version
    expect latest alias_set
}

# promote STATUS VERSION EXPECTED_VERSION REASON: moves production; EXPECTED_VERSION is JSON.
promote() {
    local body='{"task": "celltype", "model_name": "human_pbmc", "alias": "production", "actor": "reviewer"'
    call "$1" "${json_post[@]}" --data "$body, \"version\": \"$2\", \"expected_version\": $3, \"reason\": \"$4\"}" \
        "$url/v1/promote"
}

# use VERSION: another process resolves production, proves its bytes, and predicts with it.
use() {
    call 200 --get "$url/v1/resolve" --data-urlencode task=celltype --data-urlencode ref=human_pbmc@production
    expect "$1" version
    expect True verified
    "$demo_python" "$here/predict.py" "$(field path)"
}

step "3  Register the first; its name can never mean other bytes"
register v1
first_digest=$(field package_digest)
call 409 "${json_post[@]}" --data "@$work/request.json" "$url/v1/register"
expect version_exists code
expect True same_content

step "4  A reviewer promotes it; a pipeline resolves human_pbmc@production and uses it"
promote 200 v1 null "first model in production"
use v1

step "5  The better model comes; production rolls forward, once, and only from where it was thought to be"
register v2
second_digest=$(field package_digest)
[ "$first_digest" != "$second_digest" ] || fail "two models have one digest"
promote 200 v2 '"v1"' "better macro F1 on held-out cells"
expect v1 previous_version
promote 409 v2 '"v1"' "a second reviewer, who did not see the first"
expect alias_moved code
use v2

step "6  The old version is still there, to the byte"
call 200 --get "$url/v1/resolve" --data-urlencode task=celltype --data-urlencode ref=human_pbmc@v1
expect "$first_digest" package_digest
old_path=$(field path)
(cd "$old_path" && sha256sum --check --strict --quiet sha256sums.txt) || fail "sha256sum disagrees"
echo "sha256sum --check --strict agrees, without the registry's help"

step "7  Who did what, when and why"
call 200 --get "$url/v1/history" --data-urlencode task=celltype --data-urlencode model=human_pbmc
[ "$(field events 0 event) $(field events 1 event) $(field events 2 event) $(field events 3 event)" = \
    "register promote register promote" ] || fail "the history is not what happened"
"$python" -m registry_client.cli.main history celltype human_pbmc
call 200 --get "$url/v1/aliases" --data-urlencode task=celltype --data-urlencode model=human_pbmc

step "8  Somebody flips one bit of v1 on the disk"
flip() {
    chmod u+w "$old_path/model.pt"
    "$python" -c '
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(1000)
    byte = file.read(1)[0]
    file.seek(1000)
    file.write(bytes([byte ^ 1]))' "$old_path/model.pt"
    chmod u-w "$old_path/model.pt"
}
flip
call 409 "${json_post[@]}" --data '{"task": "celltype", "ref": "human_pbmc@v1"}' "$url/v1/verify"
expect package_corrupt code
expect model.pt problems 0 path
expect changed problems 0 kind
call 409 --get "$url/v1/resolve" --data-urlencode task=celltype --data-urlencode ref=human_pbmc@v1
expect package_corrupt code
echo "production is another package, and still proven:"
call 200 "${json_post[@]}" --data '{"task": "celltype", "ref": "human_pbmc@production"}' "$url/v1/verify"
expect v2 version
expect "$second_digest" package_digest

step "9  The bit is flipped back: the bytes are the registered ones again, and nothing else is accepted"
flip
call 200 "${json_post[@]}" --data '{"task": "celltype", "ref": "human_pbmc@v1"}' "$url/v1/verify"
expect "$first_digest" package_digest
"$python" -m registry_client.cli.main check

printf '\nThe demo is complete: every answer was as expected.\n'
page="$url/ui/models/celltype/human_pbmc"
if [ -t 0 ] && [ -t 1 ]; then
    printf 'Look at it: %s\n' "$page"
    read -r -p 'The service ends, and its registry is removed, when you press Enter. ' _ || true
else
    printf 'On a terminal it would serve on for you to look at: %s\n' "$page"
fi
