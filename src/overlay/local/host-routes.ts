import { parseSubnet, type Subnet } from "../../base/ip.ts";
import { listJson } from "../kernel.ts";

interface RouteInfo {
  readonly dst?: string;
  readonly dev?: string;
}

/** Where the host's IPv4 routes lead, without the default route and those over `ownLink`. */
export async function hostRoutes(ownLink = ""): Promise<readonly Subnet[]> {
  return routeSubnets(await listJson<RouteInfo>(undefined, "ip", ["-4", "route", "show"]), ownLink);
}

/** Pure: the subnets of `ip -j -4 route show`. */
export function routeSubnets(routes: readonly RouteInfo[], ownLink: string): readonly Subnet[] {
  return routes.flatMap(({ dst, dev }) => {
    if (dst === undefined || dst === "default" || (dev === ownLink && dev !== "")) return [];
    return [parseSubnet(dst.includes("/") ? dst : `${dst}/32`)];
  });
}
