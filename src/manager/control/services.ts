import { ClusterError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { JobStatus } from "../../gen/skep/JobStatus.ts";
import type { Service } from "../../gen/skep/Service.ts";
import type { ServiceSpec } from "../../gen/skep/ServiceSpec.ts";
import type { UpdateServiceRequest } from "../../gen/skep/UpdateServiceRequest.ts";
import { scheduleOf } from "../../model/job-schedule.ts";
import { isJob, isReplicated, serviceModeOf } from "../../model/service-mode.ts";
import { toTimestamp } from "../../model/time.ts";
import { validateServiceSpec } from "../../model/validate/service.ts";
import type { Transaction } from "../../store/store-view.ts";
import { matchesService } from "./filters.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { checkPublishedPorts } from "./published-ports.ts";
import { freedName } from "./removed-name.ts";
import { checkVersion, isLeaving, required, resolve } from "./resolve.ts";
import { countTasks } from "./service-counts.ts";
import { resolveReferences } from "./service-references.ts";

type ServiceMethods = Pick<
  ControlMethods,
  | "getService"
  | "listServices"
  | "createService"
  | "updateService"
  | "removeService"
  | "listServiceCounts"
  | "rebalanceService"
>;

/** Control of services. */
export function serviceMethods({ store, readBarrier, clock, random }: ControlDeps): ServiceMethods {
  return {
    async getService({ ref }) {
      await readBarrier();
      return { service: resolve(store.view(), "service", ref) };
    },
    async listServices({ filters }) {
      await readBarrier();
      const services = [...store.view().all("service")].filter(
        (service) => !isLeaving(service) && matchesService(filters, service),
      );
      return { services };
    },
    async createService({ spec }) {
      const wanted = required(spec, "the service's spec");
      validateServiceSpec(wanted);
      const id = newId(random);
      await store.update((tx) => {
        const resolved = resolveReferences(tx, wanted);
        checkName(tx, resolved);
        checkPublishedPorts(tx, resolved, id);
        const jobStatus = jobStatusOf(resolved, undefined, clock.now());
        tx.create("service", { id, spec: resolved, specVersion: null, jobStatus });
      });
      return { service: store.view().get("service", id) ?? null, warnings: [] };
    },
    async updateService(request) {
      const wanted = request.rollback ? null : required(request.spec, "the service's spec");
      if (wanted !== null) validateServiceSpec(wanted);
      const id = await store.update((tx) => {
        const service = resolve(tx, "service", request.serviceId);
        checkVersion(service, request.version);
        const updated =
          wanted === null
            ? rolledBack(service, clock.now())
            : changed(tx, service, wanted, request, clock.now());
        tx.update("service", updated);
        return service.id;
      });
      return { service: store.view().get("service", id) ?? null, warnings: [] };
    },
    async removeService({ ref }) {
      await store.update((tx) => {
        const service = resolve(tx, "service", ref);
        // The orchestrator removes the tasks and then the object; its name is free at once.
        tx.update("service", { ...service, pendingDelete: true, spec: freedName(service) });
      });
      return {};
    },
    async rebalanceService({ ref }) {
      await store.update((tx) => {
        const service = resolve(tx, "service", ref);
        checkMovable(service);
        if (!service.rebalancing) tx.update("service", { ...service, rebalancing: true });
      });
      return {};
    },
    async listServiceCounts({ serviceIds }) {
      await readBarrier();
      const view = store.view();
      const services = serviceIds.flatMap((id) => view.get("service", id) ?? []);
      return { counts: services.map((service) => countTasks(view, service)) };
    },
  };
}

function checkName(tx: Transaction, spec: ServiceSpec): void {
  const name = spec.annotations?.name ?? "";
  if (tx.byName("service", name) === undefined) return;
  throw new ClusterError(
    "ALREADY_EXISTS",
    `name conflicts with an existing object: service ${name} already exists`,
  );
}

function changed(
  tx: Transaction,
  service: Service,
  wanted: ServiceSpec,
  request: UpdateServiceRequest,
  nowMs: number,
): Service {
  if (wanted.annotations?.name !== service.spec?.annotations?.name) {
    throw new ClusterError("UNIMPLEMENTED", "renaming services is not supported");
  }
  if (serviceModeOf(wanted) !== serviceModeOf(service.spec)) {
    throw new ClusterError("UNIMPLEMENTED", "service mode change is not allowed");
  }
  const resolved = resolveReferences(tx, wanted);
  checkPublishedPorts(tx, resolved, service.id);
  return {
    ...service,
    spec: withRegistryAuth(service, resolved, request.registryAuthFrom),
    specVersion: null, // the store puts in the version of this write
    previousSpec: service.spec,
    previousSpecVersion: service.specVersion,
    updateStatus: null,
    jobStatus: jobStatusOf(resolved, service, nowMs),
  };
}

/** The spec and the one before change places, so that a second roll-back undoes the first. */
function rolledBack(service: Service, nowMs: number): Service {
  if (service.previousSpec === null) {
    const name = service.spec?.annotations?.name ?? service.id;
    throw new ClusterError(
      "FAILED_PRECONDITION",
      `service ${name} does not have a previous spec to roll back to`,
    );
  }
  return {
    ...service,
    spec: service.previousSpec,
    specVersion: null,
    previousSpec: service.spec,
    previousSpecVersion: service.specVersion,
    updateStatus: {
      state: "ROLLBACK_STARTED",
      startedAt: toTimestamp(nowMs),
      completedAt: null,
      message: "manually requested rollback",
    },
    jobStatus: jobStatusOf(service.previousSpec, service, nowMs),
  };
}

/** Clients that do not send the registry's credentials again keep those the service has. */
function withRegistryAuth(service: Service, spec: ServiceSpec, from: string): ServiceSpec {
  const container = spec.task?.container;
  if (container?.registryAuth !== "" || spec.task === null) return spec;
  const source = from === "previous-spec" ? service.previousSpec : service.spec;
  const registryAuth = source?.task?.container?.registryAuth ?? "";
  if (registryAuth === "") return spec;
  return { ...spec, task: { ...spec.task, container: { ...container, registryAuth } } };
}

/** Every change of a job is a new run of it; a scheduled one runs when it is due, and at once only when forced. */
function jobStatusOf(
  spec: ServiceSpec,
  service: Service | undefined,
  nowMs: number,
): JobStatus | null {
  if (!isJob({ spec })) return null;
  const before = service?.jobStatus;
  const now = toTimestamp(nowMs);
  const forced = (service?.spec?.task?.forceUpdate ?? 0) !== (spec.task?.forceUpdate ?? 0);
  if (scheduleOf({ spec }) !== undefined && !(service !== undefined && forced)) {
    const first = { jobIteration: { index: 0 }, lastExecution: null, lastScheduled: now };
    return before ? { ...before, lastScheduled: now } : first;
  }
  const index = before ? (before.jobIteration?.index ?? 0) + 1 : 0;
  return { jobIteration: { index }, lastExecution: now, lastScheduled: now };
}

// One task on each node, or one that ends, has nowhere else to be.
function checkMovable(service: Service): void {
  if (isReplicated(service)) return;
  const name = service.spec?.annotations?.name ?? service.id;
  throw new ClusterError(
    "FAILED_PRECONDITION",
    `service ${name} cannot be rebalanced: only replicated services can`,
  );
}
