/** One mount of the long form. */
export interface LongVolume {
  readonly type: "bind" | "volume";
  readonly source?: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly bind?: { readonly propagation: string };
  readonly volume?: { readonly nocopy: boolean };
}

const propagations = ["shared", "slave", "private", "rshared", "rslave", "rprivate"];
/** Read by other platforms, or of no effect in a cluster; Docker passes over them too. */
const passedOver = ["z", "Z", "cached", "delegated", "consistent"];

/** Pure: "data:/path:ro" and its like as the long form; a text that says what is wrong otherwise. Paths stay as they are. */
export function parseShortVolume(text: string): LongVolume | string {
  const parts = text.split(":");
  const [first = "", target, options] = parts;
  if (parts.length > 3 || parts.some((part) => part === "")) {
    return `"${text}" must be [source:]target[:options], such as data:/var/lib/data:ro`;
  }
  if (target === undefined) return anonymous(first, text);
  if (!target.startsWith("/")) {
    return `"${text}": the path in the container must be absolute`;
  }
  const volume: { -readonly [K in keyof LongVolume]: LongVolume[K] } = {
    type: /^[./~]/.test(first) ? "bind" : "volume",
    source: first,
    target,
  };
  for (const option of options?.split(",") ?? []) {
    if (option === "ro") volume.read_only = true;
    else if (option === "nocopy") volume.volume = { nocopy: true };
    else if (propagations.includes(option)) volume.bind = { propagation: option };
    else if (option !== "rw" && !passedOver.includes(option)) {
      return `"${text}": "${option}" is not an option of mounts; known are ro, rw, nocopy, z, Z, ${propagations.join(", ")}`;
    }
  }
  return volume;
}

function anonymous(target: string, text: string): LongVolume | string {
  return target.startsWith("/")
    ? { type: "volume", target }
    : `"${text}": the path in the container must be absolute`;
}
