import type { Endpoint } from "../../gen/skep/Endpoint.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceCounts } from "../../gen/skep/ServiceCounts.ts";
import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import type { UpdateStatus } from "../../gen/skep/UpdateStatus.ts";
import type { ServiceJson, ServiceSpecJson, UpdateStatusJson } from "../wire/service.ts";
import { objectJson } from "./common.ts";
import { endpointSpecJson, portJson } from "./endpoint.ts";
import { omitEmpty, omitUndefined } from "./omit-empty.ts";
import { serviceSpecJson } from "./service-spec.ts";
import { timestampJson } from "./time.ts";
import { updateStateWords, wordFor } from "./words.ts";

export interface ServiceJsonOptions {
  /** Adds ServiceStatus. */
  readonly counts?: ServiceCounts | undefined;
  /** How the spec is shown, e.g. with defaults filled in. */
  readonly specForm?: (spec: ServiceSpec) => ServiceSpec;
}

/** Docker's service. */
export function serviceJson(service: Service, options: ServiceJsonOptions = {}): ServiceJson {
  const form = options.specForm ?? ((spec) => spec);
  const { counts } = options;
  return {
    ...objectJson(service.id, service.meta),
    Spec: service.spec === null ? emptySpec : serviceSpecJson(form(service.spec)),
    ...omitUndefined({
      PreviousSpec:
        service.previousSpec === null ? undefined : serviceSpecJson(form(service.previousSpec)),
    }),
    Endpoint: service.endpoint === null ? { Spec: {} } : endpointJson(service.endpoint),
    ...omitUndefined({
      UpdateStatus: updateStatusJson(service.updateStatus),
      Rebalancing: service.rebalancing ? true : undefined,
      ServiceStatus:
        counts === undefined
          ? undefined
          : {
              RunningTasks: counts.runningTasks,
              DesiredTasks: counts.desiredTasks,
              CompletedTasks: counts.completedTasks,
            },
      JobStatus:
        service.jobStatus === null
          ? undefined
          : {
              JobIteration: { Index: service.jobStatus.jobIteration?.index ?? 0 },
              LastExecution: timestampJson(service.jobStatus.lastExecution),
            },
    }),
  };
}

const emptySpec: ServiceSpecJson = {
  Name: "",
  Labels: {},
  TaskTemplate: { ForceUpdate: 0 },
  Mode: {},
};

function endpointJson(endpoint: Endpoint): ServiceJson["Endpoint"] {
  return {
    Spec: endpoint.spec === null ? {} : endpointSpecJson(endpoint.spec),
    ...omitEmpty<ServiceJson["Endpoint"]>({
      Ports: endpoint.ports.map(portJson),
      VirtualIPs: endpoint.virtualIps.map(({ networkId, address }) => ({
        NetworkID: networkId,
        ...omitEmpty({ Addr: address }),
      })),
    }),
  };
}

function updateStatusJson(status: UpdateStatus | null): UpdateStatusJson | undefined {
  if (status === null || status.state === "UPDATE_NONE") return undefined;
  return omitUndefined({
    State: wordFor(updateStateWords, status.state),
    StartedAt: status.startedAt === null ? undefined : timestampJson(status.startedAt),
    CompletedAt: status.completedAt === null ? undefined : timestampJson(status.completedAt),
    Message: status.message,
  });
}
