#!/bin/sh
# test.sh           grade everything, as Harbor does: the reward file says 1 or 0
# test.sh build     nothing has to be built
# test.sh one ID    run one test in a process of its own; "observed: ..." on stderr is what the solution did
set -eu
tests="${TEST_DIR:-/tests}" logs="${CAB_LOGS:-/logs/verifier}"
export CAB_APP="${CAB_APP:-/app}"

case "${1:-all}" in
build) ;;
one)
    # -I -S: no PYTHON* variable, no sitecustomize, no .pth file, no folder of the solution before Python's own.
    exec python3 -I -S -B "$tests/probe.py" "$2"
    ;;
all)
    mkdir -p "$logs"
    reward=1
    tab="$(printf '\t')"
    while [ "$reward" = 1 ] && IFS="$tab" read -r id answer; do
        sh "$0" one "$id" >"$logs/one.log" 2>&1 </dev/null || reward=0
        cat "$logs/one.log"
        [ "$(sed -n 's/^observed: //p' "$logs/one.log")" = "$answer" ] || reward=0
    done <"$tests/answers.tsv"
    if sh "$0" one canary >"$logs/one.log" 2>&1 </dev/null; then reward=0; fi
    printf '{"reward": %s}\n' "$reward" >"$logs/reward.json"
    ;;
esac
