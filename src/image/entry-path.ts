import { ClusterError } from "../base/errors.ts";

const depthMax = 255;
const pathBytesMax = 4095;
const opaqueName = ".wh..wh..opq";
const whiteoutPrefix = ".wh.";

/** Where an entry goes, as its path's parts below the layer's root; [] is the root itself. */
export type EntryPath = readonly string[];

/** Splits a tar entry's name. DATA_LOSS for one that could leave the root ("..", NUL) or is too long or deep. */
export function parseEntryPath(name: string): EntryPath {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0")) {
    throw new ClusterError("DATA_LOSS", `the layer is refused: entry "${name}" leaves its root`);
  }
  const tooLong = parts.some((part) => Buffer.byteLength(part) > 255);
  if (parts.length > depthMax || tooLong || Buffer.byteLength(name) > pathBytesMax) {
    throw new ClusterError("DATA_LOSS", "the layer is refused: an entry's path is too long");
  }
  return parts;
}

/** What a name means in the image specification's layer format. */
export type EntryKind =
  | { readonly kind: "plain" }
  /** Hides all of the lower layers' content of its folder. */
  | { readonly kind: "opaque" }
  /** Hides `name` of the lower layers. */
  | { readonly kind: "whiteout"; readonly name: string }
  /** Bookkeeping of old storage drivers. */
  | { readonly kind: "ignored" };

/** Sorts an entry by its last part. DATA_LOSS for a whiteout of nothing, "." or "..". */
export function classifyEntry(path: EntryPath): EntryKind {
  const base = path.at(-1) ?? "";
  if (base === opaqueName) return { kind: "opaque" };
  if (base.startsWith(".wh..wh.")) return { kind: "ignored" };
  if (!base.startsWith(whiteoutPrefix)) return { kind: "plain" };
  const name = base.slice(whiteoutPrefix.length);
  if (name === "" || name === "." || name === "..") {
    throw new ClusterError("DATA_LOSS", `the layer is refused: bad whiteout "${path.join("/")}"`);
  }
  return { kind: "whiteout", name };
}
