import type { Secret } from "../../gen/skep/Secret.ts";
import type { SecretSpec } from "../../gen/skep/SecretSpec.ts";
import { checkFileName } from "./annotations.ts";
import { checkPayload, checkTemplating, refuseOtherThanLabels } from "./payload.ts";
import { unimplemented } from "./refuse.ts";

/** Docker's limit: 500 KiB. */
const secretBytesMax = 500 * 1024;

/** Checks a new secret. INVALID_ARGUMENT; UNIMPLEMENTED for secrets kept by a driver elsewhere. */
export function validateSecretSpec(spec: SecretSpec): void {
  checkFileName("secret", spec.annotations);
  if (spec.driver?.name) {
    const field = `secret driver "${spec.driver.name}"`;
    throw unimplemented(field, "there are no drivers here: leave out --driver and give the data");
  }
  checkTemplating("secret", spec.templating);
  checkPayload("secret", spec.data, secretBytesMax);
}

/** Only labels may change. INVALID_ARGUMENT. */
export function validateSecretUpdate(secret: Secret, spec: SecretSpec): void {
  checkFileName("secret", spec.annotations);
  refuseOtherThanLabels("secret", secret.spec, spec);
}
