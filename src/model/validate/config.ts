import type { Config } from "../../gen/skep/Config.ts";
import type { ConfigSpec } from "../../gen/skep/ConfigSpec.ts";
import { checkFileName } from "./annotations.ts";
import { checkPayload, checkTemplating, refuseOtherThanLabels } from "./payload.ts";

/** Docker's limit: 1000 KiB. */
const configBytesMax = 1000 * 1024;

/** Checks a new config. INVALID_ARGUMENT. */
export function validateConfigSpec(spec: ConfigSpec): void {
  checkFileName("config", spec.annotations);
  checkTemplating("config", spec.templating);
  checkPayload("config", spec.data, configBytesMax);
}

/** Only labels may change. INVALID_ARGUMENT. */
export function validateConfigUpdate(config: Config, spec: ConfigSpec): void {
  checkFileName("config", spec.annotations);
  refuseOtherThanLabels("config", config.spec, spec);
}
