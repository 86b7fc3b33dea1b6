import type { PortJson } from "../rest/wire/service.ts";
import { invalid, parseChoice, parseEntries } from "./values.ts";

const wanted =
  "[published:]target[/protocol] or published=8080,target=80[,protocol=tcp][,mode=ingress]";

/** One `--publish`: a single port, or a range of equally many published and target ports. */
export function parsePublish(text: string): PortJson[] {
  return text.includes("=") ? [parseLong(text)] : parseShort(text);
}

function parseLong(text: string): PortJson {
  const port: PortJson = { Protocol: "tcp", PublishMode: "ingress" };
  for (const [key, value] of parseEntries(text)) {
    switch (key) {
      case "target":
        port.TargetPort = portNumber(value, text);
        break;
      case "published":
        port.PublishedPort = portNumber(value, text);
        break;
      case "protocol":
        port.Protocol = parseChoice("--publish protocol", value, ["tcp", "udp", "sctp"]);
        break;
      case "mode":
        port.PublishMode = parseChoice("--publish mode", value, ["ingress", "host"]);
        break;
      default:
        throw invalid("--publish", text, wanted);
    }
  }
  if (port.TargetPort === undefined)
    throw invalid("--publish", text, `${wanted}; the target is missing`);
  return port;
}

function parseShort(text: string): PortJson[] {
  const match = /^(?:(\d+)(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text);
  if (match === null) throw invalid("--publish", text, wanted);
  const [, published, publishedEnd, target = "", targetEnd, protocol = "tcp"] = match;
  const first = portNumber(target, text);
  const count = (targetEnd === undefined ? first : portNumber(targetEnd, text)) - first + 1;
  const from = published === undefined ? 0 : portNumber(published, text);
  const publishedCount = publishedEnd === undefined ? 1 : portNumber(publishedEnd, text) - from + 1;
  if (count < 1 || (published !== undefined && publishedCount !== count)) {
    throw invalid("--publish", text, "two ranges of the same length");
  }
  return Array.from({ length: count }, (_, at) => ({
    Protocol: parseChoice("--publish protocol", protocol, ["tcp", "udp", "sctp"]),
    TargetPort: first + at,
    ...(published === undefined ? {} : { PublishedPort: from + at }),
    PublishMode: "ingress" as const,
  }));
}

function portNumber(text: string, whole: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw invalid("--publish", whole, wanted);
  return value;
}

/** "*:8080->80/tcp", as `service ls` and `service ps` show ports. */
export function formatPort(port: PortJson): string {
  const target = `${port.TargetPort}/${port.Protocol ?? "tcp"}`;
  return port.PublishedPort ? `*:${port.PublishedPort}->${target}` : target;
}
