#!/usr/bin/env bash
# Tests edgevid on ARM without a board: installs the wheel in an aarch64 and an armv7l Debian 12 under qemu-user, runs check.py
# there and on this machine, and compares. Emulation shows whether results are right, not how fast a board is.
#
#   bash tests/arm/run.sh [aarch64|armv7l]...      (default: both)
#
# Needs an x86-64 Debian 12 with Python 3.11, git and the right to make mount namespaces. Installs nothing on this machine: its
# downloads (about 300 MB, unpacked 1.1 GB) are kept in ${XDG_CACHE_HOME:-~/.cache}/edgevid/arm. Packages come from the sources of
# this machine's APT and pip, and APT verifies them as usual.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ $# -gt 0 ] || set -- aarch64 armv7l
for machine in "$@"; do
    case $machine in aarch64 | armv7l) ;; *) echo "usage: bash tests/arm/run.sh [aarch64|armv7l]..." >&2 && exit 2 ;; esac
done

cache=${XDG_CACHE_HOME:-$HOME/.cache}/edgevid/arm
mkdir -p "$cache"
work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
python=$(command -v python3.11) || { echo "Python 3.11 is needed: both runtimes have wheels for it." >&2; exit 1; }

section() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

quietly() { # a command: its output is shown only if it fails
    "$@" > "$work/log" 2>&1 || { cat "$work/log" && return 1; }
}

unpack() { # packages, folder: made completely or not at all
    rm -rf "$2.part" && mkdir -p "$2.part"
    for package in "$1"/*.deb; do dpkg -x "$package" "$2.part"; done
    mv "$2.part" "$2"
}

# APT for another architecture, with its own state: the machine's sources and keys, but not its list of installed packages.
foreign_apt() { # architecture, arguments...
    local state=$cache/apt-$1
    mkdir -p "$state"/lists/partial "$state"/archives/partial && touch "$state/status"
    cat > "$state/apt.conf" << CONF
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state";
APT::Architecture "$1";
APT::Architectures { "$1"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
CONF
    APT_CONFIG=$state/apt.conf apt-get -qq "${@:2}"
}

fetch_qemu() { # name of the program; sets qemu
    qemu=$(command -v "$1") && return
    if [ ! -d "$cache/qemu" ]; then
        section "qemu-user-static"
        mkdir "$work/qemu"
        (cd "$work/qemu" && quietly apt-get -qq -o APT::Sandbox::User=root download qemu-user-static)
        unpack "$work/qemu" "$cache/qemu"
    fi
    qemu=$cache/qemu/usr/bin/$1
}

fetch_root() { # Debian's name of the architecture, packages...
    root=$cache/$1
    [ ! -d "$root" ] || return 0
    section "Debian packages for $1"
    quietly foreign_apt "$1" update || echo "Some package lists could not be fetched; going on with the others."
    quietly foreign_apt "$1" install --download-only --yes "${@:2}"
    unpack "$cache/apt-$1/archives" "$root"
    rm -f "$cache/apt-$1"/archives/*.deb
}

# LiteRT reads /proc/cpuinfo, and crashes on that of another architecture. So an ARM one is mounted over it in a mount namespace.
emulated() { # arguments of Python
    local user=()
    [ "$(id -u)" = 0 ] || user=(--map-root-user)
    unshare --mount "${user[@]}" bash -c 'mount --bind "$1" /proc/cpuinfo && exec "${@:2}"' - "$work/cpuinfo" \
        "$qemu" -cpu "$cpu" -L "$root" -E LD_LIBRARY_PATH="$libraries/blas:$libraries/lapack" "$environment/bin/python" "$@"
}

failed=0
check() { # machine, runtime
    local extra="" seconds
    [ "$1 $2" != "aarch64 tflite-runtime" ] || extra="[tflite-runtime]"
    section "$1, $2: install"
    environment=$work/$1-$2
    "$qemu" -L "$root" "$root/usr/bin/python3.11" -m venv --without-pip --system-site-packages "$environment"
    quietly emulated "$pip/pip" install --quiet --no-compile --only-binary=:all: "$wheel$extra"
    section "$1, $2: run"
    seconds=$SECONDS
    EDGEVID_RUNTIME=$2 emulated tests/arm/check.py "$work/inputs" "$environment.json" 2> "$environment.log" || {
        echo "check.py exited with $?:" && tail -n 20 "$environment.log"
    }
    "$work/x86-$2/bin/python" tests/arm/compare.py "$work/x86-$2.json" "$environment.json" > "$environment.txt" || failed=1
    echo "== $1, $2, $((SECONDS - seconds)) s" >> "$work/summary" && cat "$environment.txt" >> "$work/summary"
}

reference() { # runtime
    [ ! -e "$work/x86-$1.json" ] || return 0
    local extra=""
    [ "$1" = litert ] || extra="[tflite-runtime]"
    section "x86-64, $1"
    "$python" -m venv "$work/x86-$1"
    quietly "$work/x86-$1/bin/pip" install --quiet "$wheel$extra"
    [ -d "$work/inputs" ] || "$work/x86-$1/bin/python" tests/arm/inputs.py "$work/inputs"
    EDGEVID_RUNTIME=$1 "$work/x86-$1/bin/python" tests/arm/check.py "$work/inputs" "$work/x86-$1.json" 2> "$work/x86.log" || {
        tail -n 20 "$work/x86.log" && exit 1
    }
}

aarch64() {
    cpu=cortex-a72
    printf 'processor\t: %d\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n%s\n\n' \
        0 $'CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3' > "$work/cpuinfo"
    fetch_qemu qemu-aarch64-static
    fetch_root arm64 python3 libstdc++6
    libraries=$root/usr/lib/aarch64-linux-gnu
    for runtime in litert tflite-runtime; do
        reference "$runtime"
        check aarch64 "$runtime"
    done
}

armv7l() {
    cpu=cortex-a7
    printf 'processor\t: 0\nmodel name\t: ARMv7 Processor rev 5 (v7l)\nFeatures\t: half thumb fastmult vfp edsp neon vfpv3 vfpv4 %s\n' \
        $'idiva idivt\nCPU implementer\t: 0x41\nCPU architecture: 7\nCPU variant\t: 0x0\nCPU part\t: 0xc07\nCPU revision\t: 5\n' \
        > "$work/cpuinfo"
    fetch_qemu qemu-arm-static
    # The Python Package Index has only the runtime for armv7l: NumPy, OpenCV and Pillow come from Debian.
    fetch_root armhf python3 python3-numpy python3-opencv python3-pil
    libraries=$root/usr/lib/arm-linux-gnueabihf
    # Debian's OpenCV does not tell pip that it is installed.
    local about=$root/usr/lib/python3/dist-packages/opencv_python_headless-4.6.0.dist-info
    mkdir -p "$about"
    printf 'Metadata-Version: 2.1\nName: opencv-python-headless\nVersion: 4.6.0\n' > "$about/METADATA"
    reference tflite-runtime
    check armv7l tflite-runtime
}

section "the wheel"
mkdir "$work/source" "$work/wheel"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$work/source"
quietly "$python" -m pip wheel --quiet --no-deps --wheel-dir "$work/wheel" "$work/source"
wheel=$(echo "$work"/wheel/edgevid-*.whl)
quietly "$python" -m pip download --quiet --no-deps --dest "$work/pip" pip
pip=$(echo "$work"/pip/pip-*.whl)

# ignore the user's settings
export PYTHONDONTWRITEBYTECODE=1 EDGEVID_MODELS=$work/no-models
for machine in "$@"; do "$machine"; done

section "summary"
cat "$work/summary"
exit "$failed"
