import { resolveCapabilities } from "./capabilities.ts";
import type { ExecSpec } from "./container-spec.ts";
import type { HostFacts } from "./host-facts.ts";
import { validateCwd } from "./oci-spec.ts";
import type { OciProcess } from "./oci-types.ts";
import type { ProcessUser } from "./user-lookup.ts";

/** The process of an exec: the container's own with what the caller changes. `user` absent keeps the container's. */
export function buildExecProcess(
  base: OciProcess,
  exec: ExecSpec,
  user: ProcessUser | undefined,
  host: HostFacts,
): OciProcess {
  const bounding =
    exec.privileged === true
      ? resolveCapabilities({ add: ["ALL"], drop: [] }, host.capabilities).granted
      : base.capabilities.bounding;
  const { oomScoreAdj: _inherited, ...kept } = base;
  const uid = user?.uid ?? base.user.uid;
  const effective = uid === 0 || exec.privileged === true ? bounding : [];
  const replaced = new Set(exec.env.map(variableName));
  if (user !== undefined) replaced.add("HOME");
  const env = [
    ...base.env.filter((entry) => !replaced.has(variableName(entry))),
    ...(user === undefined || exec.env.some((entry) => variableName(entry) === "HOME")
      ? []
      : [`HOME=${user.home}`]),
    ...exec.env,
  ];
  const hasTerm = env.some((entry) => variableName(entry) === "TERM");
  return {
    ...kept,
    terminal: exec.tty,
    ...(exec.tty && exec.consoleSize !== undefined ? { consoleSize: exec.consoleSize } : {}),
    args: [...exec.args],
    env: exec.tty && !hasTerm ? [...env, "TERM=xterm"] : env,
    cwd: exec.cwd === "" ? base.cwd : validateCwd(exec.cwd),
    user:
      user === undefined
        ? base.user
        : { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    capabilities: { bounding, effective, permitted: effective },
  };
}

function variableName(entry: string): string {
  return entry.split("=", 1)[0] ?? "";
}
