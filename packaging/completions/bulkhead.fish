# SPDX-License-Identifier: Apache-2.0
# fish completion of bulkhead(1), to be installed in /usr/share/fish/vendor_completions.d. The command itself says what
# there is.

function __bulkhead_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l lines ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    set -l value (string replace --regex '^-[^=]*=' '' -- "$current")
    set -l prefix (string replace --regex '^(-[^=]*=)?.*$' '$1' -- "$current")
    switch "$lines[1]"
        case files
            __fish_complete_path "$value" | string replace --regex '^' -- "$prefix"
        case directories
            __fish_complete_directories "$value" | string replace --regex '^' -- "$prefix"
        case words
            printf '%s\n' $lines[2..-1]
    end
end

complete --command bulkhead --no-files --arguments '(__bulkhead_complete)'
