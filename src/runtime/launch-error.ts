/** Pure: the exit code of a container or a command in one that could not be started, as shells and Docker tell it: 127 nothing to run, 126 not allowed. */
export function launchExitCode(reason: string): number {
  if (/executable file not found|no such file or directory/.test(reason)) return 127;
  if (/permission denied|is a directory|exec format error/.test(reason)) return 126;
  return 128;
}
