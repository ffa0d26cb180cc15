/**
 * The holder: a tiny shell loop that has the gateway's listening sockets open, and never accepts on them, so that the ports
 * outlive every gateway process and every server. Connections made while no worker runs wait in the kernel for the next one.
 * It is a shell because it must do nothing but wait: a Node holder that still polled its sockets stole connections.
 */
import { CLAIM } from './claim.js';
import { IDENTIFY } from './process-identity.js';

/** File in the launch's folder that becomes the worker: its environment, then its command. Read anew for every worker. */
export const WORKER_FILE = 'worker.sh';
/** Each loop but the first, which has the claim, records itself as `loop-<index>`. */
export const loopFile = (index: number): string => `loop-${index}`;

/**
 * $1 the launch's folder, $2 the loop's index (0 is the holder, which starts the others), $3 how many loops, $4 the inherited
 * descriptors, $5 this text.
 *
 * TERM: lets go of the sockets at once, so that the port is free while workers drain; tells the workers; ends after them.
 * HUP: a new worker first, then the old one drains. A worker that keeps dying within a second is started again ever more slowly.
 * A worker finds the index of its loop in PILOTHOUSE_WORKER: the one that replaces it has the same.
 */
export const HOLDER = `[ "$2" != 0 ] || {
${CLAIM}}
${IDENTIFY}
folder=$1; index=$2; count=$3; fds=$4; self=$5
[ "$index" = 0 ] || identify > "$folder/loop-$index"

stopping=0; reload=0; worker=; sleeper=; loops=
tell() { for p in $2; do kill "-$1" "$p" 2>/dev/null; done; }
stop() {
  stopping=1
  for fd in $fds; do eval "exec $fd>&-"; done
  tell TERM "$worker $sleeper $loops"
}
trap stop TERM INT
trap 'reload=1; tell HUP "$loops"' HUP

start() {
  reload=0
  PILOTHOUSE_WORKER=$index sh -c '. "$1/${WORKER_FILE}"' pilothouse-gateway "$folder" &
  worker=$!
  [ "$stopping" = 0 ] || kill -TERM "$worker" 2>/dev/null
  began=$(date +%s)
}
pause() {
  sleep "$1" &
  sleeper=$!
  wait "$sleeper" || kill "$sleeper" 2>/dev/null
  sleeper=
}

if [ "$index" = 0 ]; then
  i=1
  while [ "$i" -lt "$count" ]; do
    sh -c "$self" pilothouse-gateway-holder "$folder" "$i" "$count" "$fds" "$self" &
    loops="$loops $!"
    i=$((i + 1))
  done
fi

failures=0
while [ "$stopping" = 0 ]; do
  start
  while :; do
    wait "$worker"
    status=$?
    kill -0 "$worker" 2>/dev/null || break
    if [ "$reload" = 1 ] && [ "$stopping" = 0 ]; then
      old=$worker
      start
      pause 1
      kill -TERM "$old" 2>/dev/null
      wait "$old"
    fi
  done
  worker=
  [ "$stopping" = 0 ] || break
  echo "a gateway process ended with status $status: starting another" >&2
  if [ $(($(date +%s) - began)) -le 1 ]; then failures=$((failures + 1)); else failures=0; fi
  case $failures in
    0 | 1) ;;
    2) pause 0.2 ;;
    3) pause 0.5 ;;
    4) pause 1 ;;
    *) pause 2 ;;
  esac
done
until wait; do :; done
`;
