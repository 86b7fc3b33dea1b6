import { ClusterError } from "../base/errors.ts";
import { splitHostPort } from "../base/ip.ts";
import type { InitSwarmOptions } from "../rest/backend.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import { defaultSwarmPort, type WantedAddresses } from "./addresses.ts";
import type { MemberState } from "./state-dir.ts";

/** What clients send when nobody named an address to listen at. */
const unnamedListenAddress = "0.0.0.0:2377";

/** Pure: the addresses of a manager that goes on alone. Those that are not named stay; a data path that was the advertised address follows it. */
export function addressesAlone(
  state: Pick<MemberState, "advertiseAddress" | "listenAddress" | "dataPathAddress">,
  wanted: Pick<InitSwarmOptions, "advertiseAddress" | "listenAddress" | "dataPathAddress">,
): WantedAddresses {
  const { host } = splitHostPort(state.advertiseAddress, defaultSwarmPort);
  const moves = wanted.advertiseAddress !== "" && state.dataPathAddress === host;
  const namesListen = wanted.listenAddress !== "" && wanted.listenAddress !== unnamedListenAddress;
  return {
    advertise: wanted.advertiseAddress || state.advertiseAddress,
    listen: namesListen ? wanted.listenAddress : state.listenAddress,
    dataPath: wanted.dataPathAddress || (moves ? "" : state.dataPathAddress),
  };
}

/** FAILED_PRECONDITION unless this node has a manager's certificate and log. */
export function checkWasManager(state: MemberState, identity: TlsIdentity): void {
  if (identity.role === "manager" && state.raftId !== 0) return;
  throw new ClusterError(
    "FAILED_PRECONDITION",
    'This node is not a swarm manager: only a manager has the state that a new cluster can be forced from. Run it on a manager, or restore a backup with "skep swarm restore".',
  );
}
