# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Where the node's packages come from: the mirror that apt uses on this machine, whichever release is wanted.

# The first source of apt that offers Debian itself, as apt understands its own files (deb822 or one line each).
mirror_of_apt() {
    # shellcheck disable=SC2016 # apt replaces these, not the shell
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk '$3 == "main" && $2 ~ /^(bookworm|trixie|forky|sid|stable|testing|unstable)$/ { print $1; exit }'
}

# "[trusted=yes] " where apt was told to trust that source without a signature, as a local mirror's often is.
trust_in() { # URI
    local uri=${1%/}
    {
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            grep -F "$uri" | grep -i 'trusted=yes'
        # deb822: fields of one stanza, in any order
        awk -v RS= -v uri="$uri" 'index($0, uri) && /(^|\n)[Tt]rusted: *yes/' /etc/apt/sources.list.d/*.sources 2>/dev/null
    } | grep -q . && printf '[trusted=yes] '
    return 0
}
