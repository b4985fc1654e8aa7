#!/bin/sh
# test.sh           grade everything, as Harbor does: the reward file says 1 or 0
# test.sh build     compile the tests together with the solution's src/
# test.sh one ID    run one test in a process of its own; "observed: ..." on stderr is what the solution did
set -eu
app="${CAB_APP:-/app}" tests="${TEST_DIR:-/tests}" logs="${CAB_LOGS:-/logs/verifier}"
build="${CAB_BUILD:-/tmp/cab-build}"

case "${1:-all}" in
build)
    # A crate of our own: a build script, a cargo configuration or a manifest beside the solution is not in it.
    mkdir -p "$build/crate"
    cp -R "$tests/crate/." "$build/crate/"
    cp -R "$app/src" "$build/crate/src"
    cd "$build/crate"
    CARGO_TARGET_DIR="$build/target" cargo test --quiet --offline --no-run --test grade
    for file in "$build"/target/debug/deps/grade-*; do
        case "${file##*/}" in *.*) ;; *) cp "$file" "$build/grade" ;; esac
    done
    [ -x "$build/grade" ]
    ;;
one)
    cd "$build/crate"
    exec "$build/grade" --exact "$2"
    ;;
all)
    mkdir -p "$logs"
    rm -rf "$build"
    reward=1
    sh "$0" build || reward=0
    tab="$(printf '\t')"
    while [ "$reward" = 1 ] && IFS="$tab" read -r id answer; do
        sh "$0" one "$id" >"$logs/one.log" 2>&1 </dev/null || reward=0
        cat "$logs/one.log"
        [ "$(sed -n 's/^observed: //p' "$logs/one.log")" = "$answer" ] || reward=0
    done <"$tests/answers.tsv"
    if sh "$0" one tests::canary >"$logs/one.log" 2>&1 </dev/null; then reward=0; fi
    printf '{"reward": %s}\n' "$reward" >"$logs/reward.json"
    ;;
esac
