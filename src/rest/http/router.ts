import { assert } from "../../base/assert.ts";
import { badRequest } from "./http-error.ts";
import type { Route } from "./request.ts";

interface CompiledRoute {
  readonly route: Route;
  readonly regexp: RegExp;
  readonly names: readonly string[];
}

/** Finds the route of a method and a path. Earlier routes win, so literals go before `{names}`. */
export class Router {
  readonly #routes = new Map<string, CompiledRoute[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const key = routeKey(route.method, route.pattern);
      const list = this.#routes.get(key) ?? [];
      list.push(compile(route));
      this.#routes.set(key, list);
    }
  }

  /** undefined when there is none. HEAD is answered by the GET route when it has none of its own. */
  find(
    method: string,
    path: string,
  ): { readonly route: Route; readonly params: Record<string, string> } | undefined {
    for (const { route, regexp, names } of this.#routes.get(routeKey(method, path)) ?? []) {
      const match = regexp.exec(path);
      if (match === null) continue;
      const params: Record<string, string> = {};
      names.forEach((name, index) => {
        params[name] = unescapeSegment(match[index + 1] ?? "");
      });
      return { route, params };
    }
    return undefined;
  }
}

// All patterns begin with a literal segment, so that is a good bucket.
function routeKey(method: string, path: string): string {
  return `${method} ${path.split("/", 2)[1] ?? ""}`;
}

function compile(route: Route): CompiledRoute {
  assert(route.pattern.startsWith("/"), `pattern ${route.pattern} begins with a slash`);
  const names: string[] = [];
  const source = route.pattern.replace(/\{(\w+)(\*?)\}/g, (_, name: string, many: string) => {
    names.push(name);
    return many === "" ? "([^/]+)" : "(.+)";
  });
  return { route, regexp: new RegExp(`^${source}$`), names };
}

function unescapeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`invalid escape in path segment ${text}`);
  }
}
