/** The shells there is completion for. */
export type Shell = "bash" | "zsh" | "fish";

export const shells: readonly Shell[] = ["bash", "zsh", "fish"];

/**
 * A script that has the shell ask `skep __complete WORD…`, which prints a candidate and its help a line, a tab between.
 * Where nothing is offered the shell completes names of files.
 */
export function completionScript(shell: Shell): string {
  return scripts[shell];
}

const scripts: Readonly<Record<Shell, string>> = {
  // bash makes several words of --flag=value and of name:tag, and replaces the last of them only.
  bash: `# To load: source <(skep completion bash); or as the file skep in /etc/bash_completion.d
_skep_complete() {
  local line=\${COMP_LINE:0:COMP_POINT} words candidate kept
  read -ra words <<<"$line"
  [[ $line == *[[:blank:]] ]] && words+=("")
  kept=\${words[-1]%"\${words[-1]##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    COMPREPLY+=("\${candidate#"$kept"}")
  done < <(skep __complete "\${words[@]:1}" 2>/dev/null)
  [ \${#COMPREPLY[@]} -gt 0 ] || compopt -o default
}
complete -F _skep_complete skep`,
  zsh: `#compdef skep
# To load: source <(skep completion zsh), after compinit; or as the file _skep in a folder of $fpath
_skep() {
  local -a candidates
  local line
  while IFS= read -r line; do
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(skep __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then _describe 'skep' candidates; else _files; fi
}
if [[ \${funcstack[1]} == _skep ]]; then _skep; else compdef _skep skep; fi`,
  fish: `# To load: skep completion fish | source; or as the file skep.fish in ~/.config/fish/completions
function __skep_ask
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    set -g __skep_found (skep __complete $words[2..-1] "$last" 2>/dev/null)
    test (count $__skep_found) -gt 0
end
complete -c skep -e
complete -c skep -n __skep_ask -f -a '$__skep_found'`,
};
