#!/usr/bin/env bash
# A real Apache Kafka for the tests to compare with, from the jars that install.sh fetches.
#
#   tests/support/kafka.sh start PORT DIR [PROPERTIES]  one KRaft broker on 127.0.0.1:PORT with its data in DIR; returns when it
#                                                       serves; the lines of the file PROPERTIES win over the ones below
#   tests/support/kafka.sh stop DIR                     stops it and waits until it is gone
#   tests/support/kafka.sh kill DIR                     ends it without warning; `start` with the same PORT and DIR goes on
#   tests/support/kafka.sh tool CLASS [ARG...]          one of Kafka's command-line tools, e.g. org.apache.kafka.tools.DumpLogSegments
#
# KAFKA_CONTROLLER_PORT (PORT + 1) is taken too. KAFKA_JVM holds options of the broker's JVM; the default starts fast and stays
# small, and a benchmark sets -Xms1G -Xmx1G instead.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

write_config() {
  local port=$1 controller=${KAFKA_CONTROLLER_PORT:-$(($1 + 1))} dir=$2
  local listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
  cat > "$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=$listeners
advertised.listeners=$listeners
log.dirs=$dir/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
PROPERTIES
  if [[ $# -gt 2 ]]; then cat "$3" >> "$dir/server.properties"; fi
}

start() {
  local port=$1 dir=$2 jars
  local -a jvm
  read -ra jvm <<< "${KAFKA_JVM:--Xmx768m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}"
  jars=$("$here/install.sh" kafka-jars)
  mkdir -p "$dir"
  write_config "$@"
  if [[ ! -e $dir/data/meta.properties ]]; then
    java "${jvm[@]}" -cp "$jars/*" kafka.tools.StorageTool format --standalone \
      --config "$dir/server.properties" --cluster-id dGlkZWxvZy10ZXN0cy0wMQ > "$dir/format.log" 2>&1 \
      || { tail -5 "$dir/format.log" >&2; return 1; }
  fi
  : > "$dir/server.log"
  # A reporter is a class of tests/clients/java.
  local classes=
  if grep -q '^metric.reporters=' "$dir/server.properties"; then classes=:$("$here/install.sh" java); fi
  nohup java "${jvm[@]}" -cp "$jars/*$classes" kafka.Kafka "$dir/server.properties" >> "$dir/server.log" 2>&1 < /dev/null &
  echo $! > "$dir/pid"
  until grep -q 'Kafka Server started' "$dir/server.log"; do
    alive "$dir" || { echo "Kafka did not start; the end of $dir/server.log:" >&2; tail -5 "$dir/server.log" >&2; return 1; }
    [[ $SECONDS -lt 120 ]] || { echo "Kafka is not up after $SECONDS s; see $dir/server.log" >&2; stop "$dir"; return 1; }
    sleep 0.2
  done
}

alive() { kill -0 "$(cat "$1/pid")" 2> /dev/null; }

# stop DIR [SIGNAL]
stop() {
  local dir=$1
  [[ -e $dir/pid ]] || { echo "no broker was started in $dir" >&2; return 1; }
  kill "-${2:-TERM}" "$(cat "$dir/pid")" 2> /dev/null || true
  while alive "$dir"; do sleep 0.1; done
  rm -f "$dir/pid"
}

case ${1:-} in
  start) [[ $# -eq 3 || $# -eq 4 ]] || usage; start "${@:2}" ;;
  stop)  [[ $# -eq 2 ]] || usage; stop "$2" ;;
  kill)  [[ $# -eq 2 ]] || usage; stop "$2" KILL ;;
  tool)
    [[ $# -ge 2 ]] || usage
    jars=$("$here/install.sh" kafka-tool-jars)
    exec java -Xmx512m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$jars/*" "${@:2}"
    ;;
  *) usage ;;
esac
