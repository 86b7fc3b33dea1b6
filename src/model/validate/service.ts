import type { NetworkAttachmentConfig } from "../../gen/skep/NetworkAttachmentConfig.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import { checkSchedule } from "../job-schedule.ts";
import { checkRebalance } from "../rebalance-label.ts";
import { serviceModeOf } from "../service-mode.ts";
import { checkDnsName } from "./annotations.ts";
import { checkContainer } from "./container.ts";
import { checkEndpoint } from "./endpoint.ts";
import { checkPlacement } from "./placement.ts";
import { checkInteger, firstDuplicate, invalid, unimplemented } from "./refuse.ts";
import { checkResources } from "./resources.ts";
import { checkRestartPolicy, checkUpdateConfig } from "./update-config.ts";

/** More tasks than this in one service is a slip of the keyboard. */
const replicasMax = 1_000_000;

/**
 * Checks a service as far as the spec alone tells. INVALID_ARGUMENT naming the option and the way out; UNIMPLEMENTED for kinds of
 * mounts that exist elsewhere. Networks, secrets, configs and ports of others are the control API's to check.
 */
export function validateServiceSpec(spec: ServiceSpec): void {
  checkDnsName("service", spec.annotations);
  const task = spec.task;
  if (!task?.container) throw invalid("service", "it needs a container: name an image");
  const mode = serviceModeOf(spec);
  checkMode(spec);
  checkContainer(task.container, spec.annotations?.labels);
  checkResources(task.resources);
  checkRestartPolicy(task.restart);
  checkPlacement(task.placement, mode);
  checkNetworks(task.networks);
  if (task.logDriver && task.logDriver.name === "") throw invalid("log-driver", "name the driver");
  checkInteger("force-update", task.forceUpdate, 0, Number.MAX_SAFE_INTEGER);
  if ((mode === "replicatedJob" || mode === "globalJob") && (spec.update || spec.rollback)) {
    throw invalid("update-config", "a job is not updated gradually: leave update and rollback out");
  }
  checkUpdateConfig("update", spec.update);
  checkUpdateConfig("rollback", spec.rollback);
  checkEndpoint(spec.endpoint);
  checkSchedule(spec);
  checkRebalance(spec);
}

/** Checks a new spec for a service that exists: name and mode stay (UNIMPLEMENTED). */
export function validateServiceUpdate(service: Service, spec: ServiceSpec): void {
  const oldName = service.spec?.annotations?.name;
  if (oldName !== spec.annotations?.name) {
    throw unimplemented(
      `service ${oldName}`,
      "renaming services is not supported: create a new one and remove this one",
    );
  }
  if (serviceModeOf(service.spec) !== serviceModeOf(spec)) {
    throw unimplemented(
      `service ${oldName}`,
      "service mode change is not allowed: create a new one and remove this one",
    );
  }
  validateServiceSpec(spec);
}

function checkMode(spec: ServiceSpec): void {
  const given = [spec.replicated, spec.global, spec.replicatedJob, spec.globalJob];
  if (given.filter((mode) => mode).length > 1) {
    throw invalid("mode", "give one of replicated, global, replicated-job and global-job");
  }
  if (spec.replicated) checkInteger("replicas", spec.replicated.replicas, 0, replicasMax);
  if (spec.replicatedJob) {
    checkInteger("replicas", spec.replicatedJob.totalCompletions, 0, replicasMax);
    checkInteger("max-concurrent", spec.replicatedJob.maxConcurrent, 0, replicasMax);
  }
}

function checkNetworks(networks: readonly NetworkAttachmentConfig[]): void {
  for (const network of networks) {
    if (network.target === "") throw invalid("network", "name the network to attach to");
    for (const alias of network.aliases) {
      if (!/^[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$/.test(alias)) {
        throw invalid(`network alias "${alias}"`, "use letters, digits, '-', '_' and '.'");
      }
    }
  }
  const twice = firstDuplicate(networks.map((network) => network.target));
  if (twice !== undefined) throw invalid(`network "${twice}"`, "it is attached twice");
}
