import { badRequest } from "./http-error.ts";

/** Newest Docker API version served: 1.50. */
export const apiVersionMax = 50;
/** Oldest Docker API version served: 1.24. */
export const apiVersionMin = 24;
/** The Engine whose behaviour is followed, named in the Server header. */
export const engineVersion = "28.2.2";

/** "1.50" for 50. */
export function apiVersionText(minor: number): string {
  return `1.${minor}`;
}

/** The path without its version, and the minor version asked for (the newest when none is named). */
export function splitVersion(path: string): { readonly path: string; readonly minor: number } {
  const match = /^\/v(\d+)\.(\d+)(?=\/)/.exec(path);
  if (match === null) return { path, minor: apiVersionMax };
  return {
    path: path.slice(match[0].length),
    minor: checkVersion(Number(match[1]), Number(match[2])),
  };
}

function checkVersion(major: number, minor: number): number {
  const asked = `client version ${major}.${minor} is too`;
  if (major > 1 || (major === 1 && minor > apiVersionMax)) {
    throw badRequest(
      `${asked} new. Maximum supported API version is ${apiVersionText(apiVersionMax)}`,
    );
  }
  if (major < 1 || minor < apiVersionMin) {
    throw badRequest(
      `${asked} old. Minimum supported API version is ${apiVersionText(apiVersionMin)}, ` +
        "please upgrade your client to a newer version",
    );
  }
  return minor;
}
