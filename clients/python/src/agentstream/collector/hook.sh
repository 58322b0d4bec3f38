#!/bin/sh
# Tells the Agentstream collector what a coding agent does. The agent's hooks run it: it never fails, prints nothing of its
# own, and does nothing unless a collector is running.
#   hook.sh note            store the event
#   hook.sh ask             store the event, wait for a person's answer and print it
#   hook.sh status COMMAND  store the input of the status line, then run the user's own command for it
spool=${0%/*}
umask 077

collected() {
    { read -r collector <"$spool/collector.pid" && kill -0 "$collector"; } 2>/dev/null
}

id=$PPID-$$
case $1 in
note)
    if collected; then cat >"$spool/new/$id"; else cat >/dev/null; fi 2>/dev/null
    ;;
ask)
    if collected && mkfifo "$spool/answers/$id"; then
        cat >"$spool/asks/$id" && cat "$spool/answers/$id"
        rm -f "$spool/asks/$id" "$spool/answers/$id"
    else
        cat >/dev/null
    fi 2>/dev/null
    ;;
status)
    input=$(cat)
    if collected; then printf '%s\n' "$input" >"$spool/new/$id"; fi 2>/dev/null
    if [ -n "$2" ]; then
        printf '%s\n' "$input" | sh -c "$2"
        exit
    fi
    ;;
*) # of another version
    cat >/dev/null
    ;;
esac
exit 0
