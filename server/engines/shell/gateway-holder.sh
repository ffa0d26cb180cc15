# The holder has the gateway's listening sockets open and never accepts on them. It starts a worker, and another one when that ends.
# Needs identify.sh and claim.sh before it.
#
#   $1 the launch's folder   $2 the loop's index: 0 is the holder, which starts the other loops   $3 how many loops there are
#   $4 the inherited descriptors   $5 this text, for the other loops
#
# TERM: closes the sockets at once, so that the port is free while workers drain; tells the workers; ends after them.
# HUP: starts a new worker first, then the old one drains.
#
# A worker that keeps ending within a second is started again ever more slowly. That a signal ended it makes no difference: a crash in
# native code (SEGV, ABRT) and the kernel's out-of-memory killer (KILL) end a worker by a signal, and these happen again. The first early
# end costs no pause, so a worker that is killed once by hand is replaced at once.
#
# A worker finds the index of its loop in PILOTHOUSE_WORKER. The one that replaces it has the same.
[ "$2" != 0 ] || claim "$1"
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
  PILOTHOUSE_WORKER=$index sh -c '. "$1/worker.sh"' pilothouse-gateway "$folder" &
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
