# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A terminal for what draws on one: tmux's, of a server of the test's own. For suites here and in the node.
#
#   tmux_setup  tmux_teardown         80 columns, 24 lines, and a shell whose prompt is "STATUS> "
#   screen_run COMMAND                type it into the shell, and Enter
#   screen_type KEY...                as tmux calls them: x, Enter, Escape, Down, NPage, C-c
#   screen                            what is on it, without blanks at the ends of lines
#   screen_escapes                    the same with its escapes
#   screen_shows REGEX                wait until a line does
#   screen_shows_prompt STATUS        wait until the shell is back, after a command that exited so
#   screen_resize COLUMNS LINES
#   screen_format FORMAT              of tmux: #{alternate_on}, #{cursor_flag}, #{pane_pid}
#   screen_settings                   stty's of it

tmux_setup() {
    command -v tmux >/dev/null || skip_because "tmux is not installed"
    tmux_server=bulkhead-$$-$BATS_TEST_NUMBER
    # Without bats' own descriptor, which it waits for: the server would hold it.
    screen_tmux -f /dev/null new-session -d -x 80 -y 24 -s top "env PS1='\$?> ' bash --norc --noprofile" 3>&-
    screen_shows_prompt 0
}

tmux_teardown() { if [[ -n ${tmux_server:-} ]]; then screen_tmux kill-server 2>/dev/null || true; fi; }

screen_tmux() { env -u TMUX -u NO_COLOR TERM=xterm-256color LC_ALL=C.UTF-8 tmux -L "$tmux_server" "$@"; }

screen_type() { screen_tmux send-keys -t top -- "$@"; }

screen_run() {
    screen_tmux send-keys -t top -l -- "$1"
    screen_type Enter
}

screen() { screen_tmux capture-pane -p -t top; }

screen_escapes() { screen_tmux capture-pane -p -e -t top; }

screen_has() { screen | grep -qE -- "$1"; }

screen_shows() { # REGEX
    wait_until 10 screen_has "$1" || complain "no line is /$1/:" "$(screen)"
}

# The last line that there is.
screen_ends_with() { [[ $(screen | sed '/^$/d' | tail -n 1) == "$1" ]]; }

screen_shows_prompt() { # STATUS
    wait_until 10 screen_ends_with "$1>" || complain "no prompt with $1:" "$(screen)"
}

screen_resize() { screen_tmux resize-window -t top -x "$1" -y "$2"; }

screen_format() { screen_tmux display-message -p -t top "$1"; }

screen_settings() { stty -a <"$(screen_format '#{pane_tty}')" | grep -v '^speed'; }
