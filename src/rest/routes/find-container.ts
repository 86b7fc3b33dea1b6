import type { ContainerData } from "../backend/containers.ts";
import { HttpError, notFound } from "../http/http-error.ts";
import type { RestContext } from "../http/request.ts";

/** The container of this node with that id, name or unique id prefix. 404, or 400 when ambiguous. */
export async function findContainer(
  { backend }: Pick<RestContext, "backend">,
  ref: string,
): Promise<ContainerData> {
  return pickContainer(await backend.node.containers.list(), ref);
}

/** As `findContainer`, in a list. */
export function pickContainer(containers: readonly ContainerData[], ref: string): ContainerData {
  const name = ref.startsWith("/") ? ref.slice(1) : ref;
  const exact =
    containers.find(({ id }) => id === ref) ??
    containers.find((container) => container.name === name);
  if (exact !== undefined) return exact;
  const prefixed = containers.filter(({ id }) => ref !== "" && id.startsWith(ref));
  const [only] = prefixed;
  if (only === undefined) throw notFound(`No such container: ${ref}`);
  if (prefixed.length > 1) {
    throw new HttpError(400, `multiple IDs found with provided prefix: ${ref}`);
  }
  return only;
}
