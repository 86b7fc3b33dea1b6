import type { PortJson } from "../rest/wire/service.ts";
import { invalid, parseChoice, parseEntries } from "./values.ts";

const wanted =
  "[published:]target[/protocol] or published=8080,target=80[,protocol=tcp][,mode=ingress]";

/** One `--publish`: a single port, or a range of equally many published and target ports. */
export function parsePublish(text: string, flag = "--publish"): PortJson[] {
  return text.includes("=") ? [parseLong(text, flag)] : parseShort(text, flag);
}

function parseLong(text: string, flag: string): PortJson {
  const port: PortJson = { Protocol: "tcp", PublishMode: "ingress" };
  for (const [key, value] of parseEntries(text)) {
    switch (key) {
      case "target":
        port.TargetPort = portNumber(value, text, flag);
        break;
      case "published":
        port.PublishedPort = portNumber(value, text, flag);
        break;
      case "protocol":
        port.Protocol = parseChoice(`${flag} protocol`, value, ["tcp", "udp", "sctp"]);
        break;
      case "mode":
        port.PublishMode = parseChoice(`${flag} mode`, value, ["ingress", "host"]);
        break;
      default:
        throw invalid(flag, text, wanted);
    }
  }
  if (port.TargetPort === undefined) throw invalid(flag, text, `${wanted}; the target is missing`);
  return port;
}

function parseShort(text: string, flag: string): PortJson[] {
  const match = /^(?:(\d+)(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text);
  if (match === null) throw invalid(flag, text, wanted);
  const [, published, publishedEnd, target = "", targetEnd, protocol = "tcp"] = match;
  const first = portNumber(target, text, flag);
  const count = (targetEnd === undefined ? first : portNumber(targetEnd, text, flag)) - first + 1;
  const from = published === undefined ? 0 : portNumber(published, text, flag);
  const publishedCount =
    publishedEnd === undefined ? 1 : portNumber(publishedEnd, text, flag) - from + 1;
  if (count < 1 || (published !== undefined && publishedCount !== count)) {
    throw invalid(flag, text, "two ranges of the same length, each going up");
  }
  return Array.from({ length: count }, (_, at) => ({
    Protocol: parseChoice(`${flag} protocol`, protocol, ["tcp", "udp", "sctp"]),
    TargetPort: first + at,
    ...(published === undefined ? {} : { PublishedPort: from + at }),
    PublishMode: "ingress" as const,
  }));
}

function portNumber(text: string, whole: string, flag: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw invalid(flag, whole, wanted);
  return value;
}

/** "*:8080->80/tcp", as `service ls` and `service ps` show ports. */
export function formatPort(port: PortJson): string {
  const target = `${port.TargetPort}/${port.Protocol ?? "tcp"}`;
  return port.PublishedPort ? `*:${port.PublishedPort}->${target}` : target;
}
