/** The shells there is completion for. */
export type Shell = "bash" | "zsh" | "fish";

export const shells: readonly Shell[] = ["bash", "zsh", "fish"];

/** A script that has the shell ask `skep __complete WORD…`, which prints a candidate and its help a line, a tab between. */
export function completionScript(shell: Shell): string {
  return scripts[shell];
}

const scripts: Readonly<Record<Shell, string>> = {
  bash: `# To load: source <(skep completion bash)
_skep_complete() {
  local candidate
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    COMPREPLY+=("$candidate")
  done < <(skep __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [ \${#COMPREPLY[@]} -gt 0 ] || compopt -o default
}
complete -F _skep_complete skep`,
  zsh: `#compdef skep
# To load: source <(skep completion zsh)
_skep() {
  local -a candidates
  local line
  while IFS= read -r line; do
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(skep __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then _describe 'skep' candidates; else _files; fi
}
compdef _skep skep`,
  fish: `# To load: skep completion fish | source
function __skep_complete
    set -l words (commandline -opc)
    set -e words[1]
    skep __complete $words (commandline -ct) 2>/dev/null
end
complete -c skep -a '(__skep_complete)'`,
};
