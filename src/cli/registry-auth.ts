import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

const dockerHub = "https://index.docker.io/v1/";

/** The header that carries the credentials which `docker login` kept for the image's registry; nothing when there are none. */
export async function registryAuthHeaders(image: string): Promise<Record<string, string>> {
  const folder = process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker");
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => "{}");
  const auth = registryAuthOf(text, image);
  return auth === undefined ? {} : { "X-Registry-Auth": auth };
}

/** Pure: base64url JSON of the credentials for the image's registry in docker's config.json; undefined for none. */
export function registryAuthOf(configText: string, image: string): string | undefined {
  const registry = registryOf(image);
  let auths: Record<string, { auth?: string; identitytoken?: string } | undefined>;
  try {
    auths = (JSON.parse(configText) as { auths?: typeof auths }).auths ?? {};
  } catch {
    return undefined; // not a file that docker wrote
  }
  const entry = auths[registry] ?? auths[`https://${registry}`];
  if (entry?.auth === undefined) return undefined;
  const plain = Buffer.from(entry.auth, "base64").toString();
  const at = plain.indexOf(":");
  const credentials = {
    username: plain.slice(0, at),
    password: plain.slice(at + 1),
    serveraddress: registry,
    ...(entry.identitytoken === undefined ? {} : { identitytoken: entry.identitytoken }),
  };
  return Buffer.from(JSON.stringify(credentials)).toString("base64url");
}

// The first part names a registry when it could not be part of a path: it has a dot or port, or is localhost.
function registryOf(image: string): string {
  const first = image.includes("/") ? (image.split("/")[0] ?? "") : "";
  return /[.:]/.test(first) || first === "localhost" ? first : dockerHub;
}
