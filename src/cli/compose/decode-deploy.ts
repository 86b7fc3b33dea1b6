import {
  anyText,
  bytes,
  choice,
  cpus,
  type Decode,
  duration,
  flag,
  integer,
  list,
  mapOf,
  ratio,
  record,
  textOrNumber,
  word,
} from "./decode.ts";

const updateFields = {
  parallelism: integer(),
  delay: duration,
  monitor: duration,
  max_failure_ratio: ratio,
  order: choice("stop-first", "start-first"),
};

/** Sizes are strings of bytes here, as `docker stack config` prints them. */
const memory: Decode<string> = (tree, at, problems) => {
  const count = bytes(tree, at, problems);
  return count === undefined ? undefined : String(count);
};

const resourceFields = { cpus, memory };

/** `deploy` of a service. */
export const deploy = record(
  {
    mode: choice("replicated", "global", "replicated-job", "global-job"),
    endpoint_mode: choice("vip", "dnsrr"),
    replicas: integer(),
    labels: mapOf(anyText, ""),
    update_config: record({
      ...updateFields,
      failure_action: choice("pause", "continue", "rollback"),
    }),
    rollback_config: record({ ...updateFields, failure_action: choice("pause", "continue") }),
    resources: record({
      limits: record({ ...resourceFields, pids: integer() }),
      reservations: record(
        {
          ...resourceFields,
          generic_resources: list(
            record({
              discrete_resource_spec: record({ kind: word, value: integer(1) }),
              named_resource_spec: record({ kind: word, value: textOrNumber }),
            }),
          ),
        },
        { devices: "reserve a generic resource that the nodes offer (generic_resources)" },
      ),
    }),
    restart_policy: record({
      condition: choice("none", "on-failure", "any"),
      delay: duration,
      max_attempts: integer(),
      window: duration,
    }),
    placement: record({
      constraints: list(word),
      preferences: list(record({ spread: word })),
      max_replicas_per_node: integer(),
    }),
  },
  { job: "" },
);

/** `healthcheck` of a service. */
export const healthcheck = record({
  test: ((tree, at, problems) => {
    if (tree.kind === "scalar" && typeof tree.value === "string") return ["CMD-SHELL", tree.value];
    const words = list(textOrNumber)(tree, at, problems);
    if (words === undefined || words.length === 0) return words;
    if (["NONE", "CMD", "CMD-SHELL"].includes(words[0] ?? "")) return words;
    problems.error(tree.place, `${at} must begin with NONE, CMD or CMD-SHELL, or be a string`);
    return undefined;
  }) satisfies Decode<string[]>,
  interval: duration,
  timeout: duration,
  retries: integer(),
  start_period: duration,
  start_interval: duration,
  disable: flag,
});
