import { normalizeArchitecture } from "../../model/platform.ts";
import { type Filter, nodes } from "./filter.ts";

/** The image exists for the node's platform. An empty word on either side of the spec matches anything. */
export const platformFilter: Filter = {
  isFixed: true,
  appliesTo: (task) => (task.spec?.placement?.platforms.length ?? 0) > 0,
  check(task) {
    const wanted = (task.spec?.placement?.platforms ?? []).map((platform) => ({
      architecture: normalizeArchitecture(platform.architecture),
      os: platform.os.toLowerCase(),
    }));
    return (info) => {
      const platform = info.node.description?.platform;
      if (!platform) return false;
      const architecture = normalizeArchitecture(platform.architecture);
      const os = platform.os.toLowerCase();
      return wanted.some(
        (one) =>
          (one.architecture === "" || one.architecture === architecture) &&
          (one.os === "" || one.os === os),
      );
    };
  },
  explain: (count) => `unsupported platform on ${nodes(count)}`,
};
