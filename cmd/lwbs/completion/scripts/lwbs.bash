# Completion of lwbs for bash 4.0 or newer: source <(lwbs completion bash)

_lwbs() {
    local line=${COMP_LINE:0:COMP_POINT} words word out prefix
    read -ra words <<<"$line"
    if [[ $line == *[[:space:]] ]]; then
        words+=("")
    fi
    word=${words[-1]}
    COMPREPLY=()
    mapfile -t out < <("$1" complete "--word=$word" -- "${words[@]:1:${#words[@]}-2}" 2>/dev/null)
    if [[ ${out[0]-} == files ]]; then
        compopt -o default
        return
    fi
    # To bash, ":" and "=" begin another word, so that only what is behind them is replaced.
    prefix=
    if [[ $word == *[:=]* ]]; then
        prefix=${word%"${word##*[:=]}"}
    fi
    for word in "${out[@]:1}"; do
        printf -v word %q "${word#"$prefix"}"
        COMPREPLY+=("$word")
    done
}

complete -F _lwbs lwbs
