import type { RestartPolicy } from "../../gen/skep/RestartPolicy.ts";
import type { UpdateConfig } from "../../gen/skep/UpdateConfig.ts";
import { checkDuration, checkInteger, invalid } from "./refuse.ts";

/** Checks an update or rollback configuration; `prefix` is "update" or "rollback". */
export function checkUpdateConfig(
  prefix: "update" | "rollback",
  config: UpdateConfig | null,
): void {
  if (!config) return;
  checkInteger(`${prefix}-parallelism`, config.parallelism, 0, Number.MAX_SAFE_INTEGER);
  checkDuration(`${prefix}-delay`, config.delay);
  checkDuration(`${prefix}-monitor`, config.monitor);
  if (!(config.maxFailureRatio >= 0 && config.maxFailureRatio <= 1)) {
    throw invalid(`${prefix}-max-failure-ratio`, "give a number from 0 to 1");
  }
  if (prefix === "rollback" && config.failureAction === "ROLLBACK_UPDATE") {
    throw invalid(
      "rollback-failure-action",
      "a rollback cannot be rolled back: use pause or continue",
    );
  }
}

/** Checks a restart policy. */
export function checkRestartPolicy(policy: RestartPolicy | null): void {
  if (!policy) return;
  checkDuration("restart-delay", policy.delay);
  checkDuration("restart-window", policy.window);
  checkInteger("restart-max-attempts", policy.maxAttempts, 0, Number.MAX_SAFE_INTEGER);
}
