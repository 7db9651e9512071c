#!/usr/bin/env bash
# The built binaries: `bootstrap` runs on Amazon Linux 2023 (glibc 2.34) and holds none of the command's code.
set -euo pipefail
release=$1

newest=$(objdump -T "$release/bootstrap" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
oldest=$(printf '%s\nGLIBC_2.34\n' "$newest" | sort -V | tail -1)
if [ "$oldest" != "GLIBC_2.34" ]; then
    echo "bootstrap needs $newest; Lambda's Amazon Linux 2023 has GLIBC_2.34" >&2
    exit 1
fi

# Modules that do the work of their crates. Identical pieces of code that the compiler merges may carry the name of any
# type they were made for, so a stray symbol says nothing; a crate that is really linked brings most of its own.
for crate in clap_builder::parser s3s::ops indicatif::progress_bar notify::inotify; do
    in_command=$(nm -C "$release/iota" | grep -c "$crate::" || true)
    in_function=$(nm -C "$release/bootstrap" | grep -c "$crate::" || true)
    if [ "$in_command" -eq 0 ]; then
        echo "no symbol of $crate in iota: this check sees nothing" >&2
        exit 1
    fi
    if [ $((in_function * 10)) -gt "$in_command" ]; then
        echo "bootstrap links $in_function symbols of $crate, which only the command needs" >&2
        exit 1
    fi
done
echo "bootstrap: needs $newest at most, links none of the command's code"
