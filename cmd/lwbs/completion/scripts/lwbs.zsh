#compdef lwbs
# Completion of lwbs for zsh: source <(lwbs completion zsh)

_lwbs() {
    local -a out
    out=("${(@f)$("${(Q)words[1]}" complete "--word=${(Q)words[CURRENT]}" -- "${(@Q)words[2,CURRENT-1]}" 2>/dev/null)}")
    if [[ ${out[1]} == files ]]; then
        _files
    else
        compadd -- "${(@)out[2,-1]}"
    fi
}

if [[ ${funcstack[1]} == _lwbs ]]; then
    _lwbs "$@"
else
    compdef _lwbs lwbs
fi
