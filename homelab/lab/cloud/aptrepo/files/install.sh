#!/bin/sh
# The lab's stand-in for Tailscale's install script. It was written for Homelab Runbook, is not
# Tailscale's, and works only inside the lab: it adds the lab's own signed apt repository
# and installs the lab's own build of tailscale from it.
set -eu

main() {
    keyring=/usr/share/keyrings/tailscale-archive-keyring.gpg
    list=/etc/apt/sources.list.d/tailscale.list
    base=https://pkgs.tailscale.com/stable

    [ -r /etc/os-release ] || fail "there is no /etc/os-release, so this system is unknown" "the lab packages for Debian and Ubuntu only"
    . /etc/os-release
    distro=
    for id in ${ID:-} ${ID_LIKE:-}; do
        case "$id" in
        ubuntu) distro=ubuntu codename=${UBUNTU_CODENAME:-${VERSION_CODENAME:-}} ;;
        debian) distro=debian codename=${DEBIAN_CODENAME:-${VERSION_CODENAME:-}} ;;
        *) continue ;;
        esac
        break
    done
    [ -n "$distro" ] || fail "no package for ${PRETTY_NAME:-this system}" "the lab packages for Debian and Ubuntu only"
    [ -n "$codename" ] || fail "${PRETTY_NAME:-this system} tells no code name" "look at VERSION_CODENAME in /etc/os-release"

    sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "this needs root, and there is no sudo" "run it as root"
        sudo=sudo
    fi
    if command -v curl >/dev/null; then
        get='curl -fsSL'
    elif command -v wget >/dev/null; then
        get='wget -qO-'
    else
        fail "neither curl nor wget is here" "install one of them"
    fi

    echo "Installing Tailscale for $distro $codename, using apt (the lab's stand-in repository)"
    new=$(mktemp)
    trap 'rm -f "$new"' EXIT
    $get "$base/$distro/$codename.noarmor.gpg" >"$new" ||
        fail "$base has no packages for $distro $codename" "the lab serves the current Debian and Ubuntu releases"
    set -x
    $sudo mkdir -p -m 755 /usr/share/keyrings
    $sudo cp "$new" "$keyring"
    $sudo chmod 644 "$keyring"
    $get "$base/$distro/$codename.tailscale-keyring.list" >"$new"
    $sudo cp "$new" "$list"
    $sudo chmod 644 "$list"
    $sudo apt-get update
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y tailscale
    { set +x; } 2>/dev/null
    echo "Installation complete! Log in to start using Tailscale by running:"
    echo
    echo "${sudo:+$sudo }tailscale up"
}

fail() {
    echo "install.sh: $1" >&2
    echo "Hint: $2" >&2
    exit 1
}

# Called last, so that a download cut off half-way does nothing.
main
