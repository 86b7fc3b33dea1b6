/** One port of the long form. */
export interface LongPort {
  readonly mode: "ingress";
  readonly target: number;
  readonly published?: number;
  readonly protocol: string;
  readonly host_ip?: string;
}

const wanted =
  "[[ip:]published:]target[/protocol] with ports or ranges of ports, such as 8080:80 or 53:53/udp";

/** Pure: "8080:80/udp" and its like as long forms; a text that says what is wrong otherwise. */
export function parseShortPort(text: string): readonly LongPort[] | string {
  const match =
    /^(?:(?:(\[[0-9a-fA-F:.]+\]|\d+\.\d+\.\d+\.\d+):)?(?:(\d+)(?:-(\d+))?)?:)?(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(
      text,
    );
  if (match === null) return `"${text}" must be ${wanted}`;
  const [, host, from, to = from, target = "", targetEnd = target, protocol = "tcp"] = match;
  if (!["tcp", "udp", "sctp"].includes(protocol.toLowerCase())) {
    return `"${text}": the protocol must be tcp, udp or sctp`;
  }
  const numbers = [from ?? "1", to ?? "1", target, targetEnd].map(Number);
  const [first = 0, last = 0, start = 0, end = 0] = numbers;
  if (numbers.some((port) => port < 1 || port > 65_535)) {
    return `"${text}": ports are from 1 to 65535`;
  }
  if (last < first || end < start) return `"${text}": a range must not end before it begins`;
  const count = end - start + 1;
  const published = last - first + 1;
  if (from !== undefined && published !== count && count !== 1) {
    return `"${text}": two ranges must be of the same length`;
  }
  return Array.from({ length: from === undefined ? count : published }, (_, at) => ({
    mode: "ingress" as const,
    target: count === 1 ? start : start + at,
    ...(from === undefined ? {} : { published: first + at }),
    protocol: protocol.toLowerCase(),
    ...(host === undefined ? {} : { host_ip: host.replace(/^\[|\]$/g, "") }),
  }));
}
