# Completion of lwbs for fish: lwbs completion fish | source

function __lwbs_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l word (commandline --current-token --cut-at-cursor)
    set -l out ($words[1] complete "--word=$word" -- $words[2..-1] 2>/dev/null)
    if test "$out[1]" = files
        __fish_complete_path "$word"
    else if set -q out[2]
        printf '%s\n' $out[2..-1]
    end
end

complete --command lwbs --no-files --arguments '(__lwbs_complete)'
