import assert from "node:assert/strict";
import { compareSpecs } from "../../../../src/cli/compose/deploy/compare-specs.ts";
import {
  hasChanges,
  missingExternals,
  planStack,
} from "../../../../src/cli/compose/deploy/plan-stack.ts";
import { diffText, placementText } from "../../../../src/cli/compose/deploy/print-diff.ts";
import type { StackState } from "../../../../src/cli/compose/deploy/stack-state.ts";
import { conditionProgress } from "../../../../src/cli/compose/deploy/wait-for.ts";
import { configText } from "../../../../src/cli/compose/print-config.ts";
import type { StackModel } from "../../../../src/cli/compose/stack-model.ts";
import {
  externalNetworks,
  fileRequests,
  networkRequests,
} from "../../../../src/cli/compose/stack-objects.ts";
import { serviceSpecOf } from "../../../../src/cli/compose/stack-service.ts";
import type { NetworkJson } from "../../../../src/rest/wire/network.ts";
import type { ServiceJson, ServiceSpecJson } from "../../../../src/rest/wire/service.ts";
import type { TaskJson, TaskStateJson } from "../../../../src/rest/wire/task.ts";
import { read } from "./helpers.ts";

const noIds = { secrets: new Map<string, string>(), configs: new Map<string, string>() };

function modelOf(text: string): StackModel {
  const { model, errors } = read(text, { files: { "/p/s.txt": "data" } });
  assert.deepEqual(errors, []);
  return model;
}

function specsOf(text: string, ids = noIds): ServiceSpecJson[] {
  const model = modelOf(text);
  return model.services.map((service) => serviceSpecOf("st", service, model, ids));
}

/** The spec of service a that has these keys beside its image. */
function specOf(keys: string, top = ""): ServiceSpecJson {
  const [spec] = specsOf(`services:\n  a: {image: x, ${keys}}\n${top}`);
  assert.ok(spec);
  return spec;
}

describe("specs of stacks", () => {
  it("carry docker's labels and names", () => {
    assert.deepEqual(specOf("labels: {c: d}, deploy: {labels: {e: f}}"), {
      Name: "st_a",
      Labels: { e: "f", "com.docker.stack.namespace": "st", "com.docker.stack.image": "x" },
      TaskTemplate: {
        ContainerSpec: { Image: "x", Labels: { c: "d", "com.docker.stack.namespace": "st" } },
        Networks: [{ Target: "st_default", Aliases: ["a"] }],
        ForceUpdate: 0,
      },
      Mode: { Replicated: { Replicas: 1 } },
      EndpointSpec: { Mode: "vip", Ports: [] },
    });
  });

  const containers: { given: string; top?: string; want: object }[] = [
    { given: "command: a b, entrypoint: [c, 5]", want: { Command: ["c", "5"], Args: ["a", "b"] } },
    { given: "environment: {B: 1, A: , C: ''}", want: { Env: ["A", "B=1", "C="] } },
    { given: "extra_hosts: ['h:1.2.3.4', 'six:::1']", want: { Hosts: ["1.2.3.4 h", "::1 six"] } },
    {
      given: "dns: 1.1.1.1, dns_search: [s], dns_opt: [o]",
      want: { DNSConfig: { Nameservers: ["1.1.1.1"], Search: ["s"], Options: ["o"] } },
    },
    {
      given: "ulimits: {nproc: 5, core: {soft: 1, hard: -1}}",
      want: {
        Ulimits: [
          { Name: "core", Soft: 1, Hard: -1 },
          { Name: "nproc", Soft: 5, Hard: 5 },
        ],
      },
    },
    {
      given:
        "healthcheck: {test: t, interval: 1m, timeout: 2s, retries: 3, start_period: 4s, start_interval: 5s}",
      want: {
        Healthcheck: {
          Test: ["CMD-SHELL", "t"],
          Interval: 60e9,
          Timeout: 2e9,
          Retries: 3,
          StartPeriod: 4e9,
          StartInterval: 5e9,
        },
      },
    },
    { given: "healthcheck: {disable: true}", want: { Healthcheck: { Test: ["NONE"] } } },
    {
      given:
        "stop_grace_period: 1m30s, stop_signal: USR1, init: false, tty: true, stdin_open: true, read_only: true",
      want: {
        StopGracePeriod: 90e9,
        StopSignal: "USR1",
        Init: false,
        TTY: true,
        OpenStdin: true,
        ReadOnly: true,
      },
    },
    {
      given: "cap_add: [net_admin, CAP_SYS_TIME], cap_drop: [all]",
      want: { CapabilityAdd: ["CAP_NET_ADMIN", "CAP_SYS_TIME"], CapabilityDrop: ["ALL"] },
    },
    {
      given:
        "user: 1000, group_add: [5, mail], working_dir: /w, hostname: h, isolation: default, oom_score_adj: -5, sysctls: [a=1]",
      want: {
        User: "1000",
        Groups: ["5", "mail"],
        Dir: "/w",
        Hostname: "h",
        Isolation: "default",
        OomScoreAdj: -5,
        Sysctls: { a: "1" },
      },
    },
    {
      given: "tmpfs: ['/t:size=1m,mode=1777', /u]",
      want: {
        Mounts: [
          { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1777 } },
          { Type: "tmpfs", Target: "/u" },
        ],
      },
    },
    {
      given: "volumes: ['./b:/b:ro,rslave', /anon]",
      want: {
        Mounts: [
          {
            Type: "bind",
            Source: "/p/b",
            Target: "/b",
            ReadOnly: true,
            BindOptions: { Propagation: "rslave" },
          },
          { Type: "volume", Target: "/anon" },
        ],
      },
    },
    {
      given: "volumes: ['v:/v:nocopy', 'e:/e', 'n:/n']",
      top: "volumes: {v: {driver: d, driver_opts: {o: 1}, labels: {l: m}}, e: {external: true, name: ext}, n: {name: own}}",
      want: {
        Mounts: [
          {
            Type: "volume",
            Target: "/v",
            Source: "st_v",
            VolumeOptions: {
              NoCopy: true,
              Labels: { l: "m", "com.docker.stack.namespace": "st" },
              DriverConfig: { Name: "d", Options: { o: "1" } },
            },
          },
          { Type: "volume", Target: "/e", Source: "ext" },
          {
            Type: "volume",
            Target: "/n",
            Source: "own",
            VolumeOptions: { Labels: { "com.docker.stack.namespace": "st" } },
          },
        ],
      },
    },
    {
      given: "secrets: [s, {source: e, target: t, uid: '5', mode: 0400}]",
      top: "secrets: {s: {file: s.txt}, e: {external: true, name: ext}}",
      want: {
        Secrets: [
          { File: { Name: "t", UID: "5", GID: "0", Mode: 0o400 }, SecretID: "", SecretName: "ext" },
          {
            File: { Name: "s", UID: "0", GID: "0", Mode: 0o444 },
            SecretID: "",
            SecretName: "st_s",
          },
        ],
      },
    },
    {
      given: "configs: [{source: c, target: /etc/c}]",
      top: "configs: {c: {content: x}}",
      want: {
        Configs: [
          {
            File: { Name: "/etc/c", UID: "0", GID: "0", Mode: 0o444 },
            ConfigID: "",
            ConfigName: "st_c",
          },
        ],
      },
    },
  ];
  for (const { given, top = "", want } of containers) {
    it(given, () => {
      const {
        Image: _,
        Labels: __,
        ...container
      } = specOf(given, top).TaskTemplate.ContainerSpec ?? {};
      assert.deepEqual(container, want);
    });
  }

  const rest: { given: string; top?: string; want: Partial<ServiceSpecJson> | { task: object } }[] =
    [
      { given: "deploy: {mode: global}", want: { Mode: { Global: {} } } },
      { given: "deploy: {replicas: 0}", want: { Mode: { Replicated: { Replicas: 0 } } } },
      {
        given: "deploy: {mode: replicated-job, replicas: 3}",
        want: { Mode: { ReplicatedJob: { MaxConcurrent: 3, TotalCompletions: 3 } } },
      },
      { given: "deploy: {mode: global-job}", want: { Mode: { GlobalJob: {} } } },
      {
        given: "ports: ['90:80', '53:53/udp', {target: 9, mode: host}]",
        want: {
          EndpointSpec: {
            Mode: "vip",
            Ports: [
              { Protocol: "tcp", TargetPort: 9, PublishMode: "host" },
              { Protocol: "udp", TargetPort: 53, PublishedPort: 53, PublishMode: "ingress" },
              { Protocol: "tcp", TargetPort: 80, PublishedPort: 90, PublishMode: "ingress" },
            ],
          },
        },
      },
      {
        given:
          "deploy: {update_config: {delay: 5s, monitor: 1s, order: start-first, failure_action: rollback, max_failure_ratio: 0.5}}",
        want: {
          UpdateConfig: {
            Parallelism: 1,
            Delay: 5e9,
            FailureAction: "rollback",
            Monitor: 1e9,
            MaxFailureRatio: 0.5,
            Order: "start-first",
          },
        },
      },
      {
        given: "deploy: {rollback_config: {parallelism: 0}}",
        want: {
          RollbackConfig: {
            Parallelism: 0,
            FailureAction: "pause",
            MaxFailureRatio: 0,
            Order: "stop-first",
          },
        },
      },
      {
        given: "restart: on-failure:3",
        want: { task: { RestartPolicy: { Condition: "on-failure", MaxAttempts: 3 } } },
      },
      { given: "restart: unless-stopped", want: { task: { RestartPolicy: { Condition: "any" } } } },
      { given: "restart: 'no'", want: { task: {} } },
      {
        given:
          "restart: always, deploy: {restart_policy: {condition: none, delay: 1s, max_attempts: 2, window: 3s}}",
        want: {
          task: { RestartPolicy: { Condition: "none", Delay: 1e9, MaxAttempts: 2, Window: 3e9 } },
        },
      },
      {
        given: "logging: {driver: syslog, options: {a: 5}}",
        want: { task: { LogDriver: { Name: "syslog", Options: { a: "5" } } } },
      },
      {
        given:
          "deploy: {placement: {constraints: [a==b], preferences: [{spread: node.labels.z}], max_replicas_per_node: 2}}",
        want: {
          task: {
            Placement: {
              Constraints: ["a==b"],
              Preferences: [{ Spread: { SpreadDescriptor: "node.labels.z" } }],
              MaxReplicas: 2,
            },
          },
        },
      },
      {
        given:
          "deploy: {resources: {limits: {cpus: 0.5, memory: 1.5g, pids: 9}, reservations: {memory: 1k, generic_resources: [{discrete_resource_spec: {kind: gpu, value: 2}}]}}}",
        want: {
          task: {
            Resources: {
              Limits: { NanoCPUs: 5e8, MemoryBytes: 1610612736, Pids: 9 },
              Reservations: {
                MemoryBytes: 1024,
                GenericResources: [{ DiscreteResourceSpec: { Kind: "gpu", Value: 2 } }],
              },
            },
          },
        },
      },
    ];
  for (const { given, want } of rest) {
    it(given, () => {
      const spec = specOf(given);
      const { ContainerSpec: _, Networks: __, ForceUpdate: ___, ...task } = spec.TaskTemplate;
      if ("task" in want) assert.deepEqual(task, want.task);
      else
        for (const [key, value] of Object.entries(want))
          assert.deepEqual({ ...spec }[key as keyof ServiceSpecJson], value);
    });
  }

  it("join networks under the service's name; the host's network knows none", () => {
    const networks = specOf(
      "networks: {n: {aliases: [o], driver_opts: {k: v}}, e: , h: }",
      "networks: {n: , e: {external: true, name: ext}, h: {external: true, name: host}}",
    ).TaskTemplate.Networks;
    assert.deepEqual(networks, [
      { Target: "ext", Aliases: ["a"] },
      { Target: "host" },
      { Target: "st_n", Aliases: ["o", "a"], DriverOpts: { k: "v" } },
    ]);
  });

  it("objects get names, labels and drivers; networks nobody uses are not made", () => {
    const model = modelOf(
      "services:\n  a: {image: x, networks: [n, e]}\n  b: {image: x}\nnetworks: {n: {internal: true, ipam: {config: [{subnet: 10.1.0.0/24}]}}, e: {external: true}, unused: {}}\nsecrets: {s: {file: s.txt, template_driver: golang}}\n",
    );
    assert.deepEqual(
      networkRequests("st", model).map(({ Name }) => Name),
      ["st_default", "st_n"],
    );
    assert.deepEqual(networkRequests("st", model)[1], {
      Name: "st_n",
      Driver: "overlay",
      Options: {},
      Internal: true,
      Attachable: false,
      Labels: { "com.docker.stack.namespace": "st" },
      IPAM: { Driver: "default", Config: [{ Subnet: "10.1.0.0/24" }] },
    });
    assert.deepEqual(externalNetworks(model), ["e"]);
    assert.deepEqual(fileRequests("st", model.secrets), [
      {
        Name: "st_s",
        Labels: { "com.docker.stack.namespace": "st" },
        Data: "ZGF0YQ==",
        Templating: { Name: "golang" },
      },
    ]);
  });

  it("services come after those they depend on, else by name", () => {
    const model = modelOf(
      "services:\n  a: {image: x, depends_on: [c]}\n  b: {image: x}\n  c: {image: x, depends_on: {d: {condition: service_started}}}\n  d: {image: x}\n",
    );
    assert.deepEqual(
      model.services.map(({ name }) => name),
      ["b", "d", "c", "a"],
    );
  });

  it("config prints a file that reads as the same", () => {
    const text =
      "services:\n  a: {image: x, command: sh -c 'a b', ports: ['1-2:1-2'], environment: {Y: 'no', E: }, depends_on: {b: {condition: service_healthy}}, stop_grace_period: 90s}\n  b: {image: y}\n";
    const model = modelOf(text);
    assert.deepEqual(modelOf(configText(model)).services, model.services);
    assert.equal(configText(modelOf(configText(model))), configText(model));
  });
});

function aService(spec: ServiceSpecJson, more: Partial<ServiceJson> = {}): ServiceJson {
  return {
    ID: `id-${spec.Name}`,
    Version: { Index: 7 },
    CreatedAt: "",
    UpdatedAt: "",
    Spec: spec,
    Endpoint: {},
    ...more,
  };
}

const empty: StackState = { services: [], networks: [], secrets: [], configs: [] };

function aNetwork(Name: string, more: Partial<NetworkJson> = {}): NetworkJson {
  return {
    Name,
    Id: `id-${Name}`,
    Created: "",
    Scope: "swarm",
    Driver: "overlay",
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: null,
    Options: {},
    Labels: {},
    ...more,
  };
}

describe("comparing specs", () => {
  const same = (): undefined => undefined;
  const changes: { before: string; after: string; want: string[] }[] = [
    { before: "tty: true", after: "tty: true", want: [] },
    { before: "tty: false", after: "user: ''", want: [] },
    {
      before: "environment: {A: 1, B: 2}",
      after: "environment: {B: 3, C: 4}",
      want: [
        'TaskTemplate.ContainerSpec.Env[A] "1" -',
        'TaskTemplate.ContainerSpec.Env[B] "2" "3"',
        'TaskTemplate.ContainerSpec.Env[C] - "4"',
      ],
    },
    {
      before: "command: a b",
      after: "command: b a",
      want: ['TaskTemplate.ContainerSpec.Args ["a","b"] ["b","a"]'],
    },
    {
      before: "deploy: {replicas: 1}",
      after: "deploy: {replicas: 0}",
      want: ["Mode.Replicated.Replicas 1 0"],
    },
    {
      before: "deploy: {mode: global}",
      after: "deploy: {replicas: 0}",
      want: ["Mode Global Replicated", "Mode.Replicated.Replicas - 0"],
    },
    {
      before: "init: false",
      after: "tty: false",
      want: ["TaskTemplate.ContainerSpec.Init false -"],
    },
    {
      before: "labels: {a: ''}",
      after: "tty: false",
      want: ['TaskTemplate.ContainerSpec.Labels[a] "" -'],
    },
    {
      before: "environment: {A: }",
      after: "environment: {A: ''}",
      want: ['TaskTemplate.ContainerSpec.Env[A] "" (not set) ""'],
    },
    {
      before: "deploy: {placement: {constraints: [a==b, c==d]}}",
      after: "deploy: {placement: {constraints: [c==d, a==b]}}",
      want: [],
    },
    {
      before: "ports: ['80:80']",
      after: "ports: ['81:80']",
      want: [
        "EndpointSpec.Ports[80:80/tcp] (there) -",
        'EndpointSpec.Ports[80:80/tcp].Protocol "tcp" -',
        'EndpointSpec.Ports[80:80/tcp].PublishMode "ingress" -',
        "EndpointSpec.Ports[80:80/tcp].PublishedPort 80 -",
        "EndpointSpec.Ports[80:80/tcp].TargetPort 80 -",
        "EndpointSpec.Ports[81:80/tcp] - (there)",
        'EndpointSpec.Ports[81:80/tcp].Protocol - "tcp"',
        'EndpointSpec.Ports[81:80/tcp].PublishMode - "ingress"',
        "EndpointSpec.Ports[81:80/tcp].PublishedPort - 81",
        "EndpointSpec.Ports[81:80/tcp].TargetPort - 80",
      ],
    },
  ];
  for (const { before, after, want } of changes) {
    it(`${before} -> ${after}`, () => {
      const found = compareSpecs(specOf(before), specOf(after), same);
      assert.deepEqual(
        found.map((change) => `${change.field} ${change.before ?? "-"} ${change.after ?? "-"}`),
        want,
      );
    });
  }

  it("does not mind the order of fields", () => {
    const [first, second] = [
      [{ OS: "linux", Architecture: "amd64" }],
      [{ Architecture: "amd64", OS: "linux" }],
    ].map((Platforms) => {
      const spec = specOf("tty: true");
      return { ...spec, TaskTemplate: { ...spec.TaskTemplate, Placement: { Platforms } } };
    });
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(compareSpecs(first, second, same), []);
  });

  it("knows a network by its id and its name", () => {
    const wanted = specOf("tty: true");
    const present = {
      ...wanted,
      TaskTemplate: {
        ...wanted.TaskTemplate,
        ForceUpdate: 5,
        Runtime: "container",
        Networks: [{ Target: "id1", Aliases: ["a"] }],
      },
    };
    assert.deepEqual(
      compareSpecs(present, wanted, (id) => (id === "id1" ? "st_default" : undefined)),
      [],
    );
    assert.equal(compareSpecs(present, wanted, same).length > 0, true);
  });
});

describe("the plan of a stack", () => {
  const text =
    "services:\n  a: {image: x, secrets: [s]}\n  b: {image: y}\nsecrets: {s: {file: s.txt}}\nconfigs: {c: {content: new}}\n";
  const planOf = (state: StackState) => {
    const model = modelOf(text);
    const specs = model.services.map((service) => serviceSpecOf("st", service, model, noIds));
    return planStack("st", model, specs, state);
  };
  const labels = { "com.docker.stack.namespace": "st" };
  const file = { ID: "f1", Version: { Index: 3 }, CreatedAt: "", UpdatedAt: "" };

  it("makes all where nothing is", () => {
    const plan = planOf(empty);
    assert.equal(hasChanges(plan, false), true);
    assert.deepEqual(
      diffText(plan, false)
        .split("\n")
        .filter((line) => !line.startsWith(" ")),
      [
        "+ network st_default (overlay)",
        "+ secret st_s",
        "+ config st_c",
        "+ service st_a",
        "+ service st_b",
      ],
    );
  });

  it("does nothing where all is as it should be, and names what is left over", () => {
    const services = [...specsOf(text), { ...specOf("tty: true"), Name: "st_old" }].map((spec) =>
      aService(spec),
    );
    const state: StackState = {
      services,
      networks: [aNetwork("st_default", { Labels: labels })],
      secrets: [{ ...file, Spec: { Name: "st_s", Labels: labels } }],
      configs: [
        {
          ...file,
          Spec: { Name: "st_c", Labels: labels, Data: Buffer.from("new").toString("base64") },
        },
      ],
    };
    const plan = planOf(state);
    assert.equal(hasChanges(plan, false), false);
    assert.equal(hasChanges(plan, true), true);
    assert.equal(diffText(plan, true), "- service st_old");
    assert.match(diffText(plan, false), /st_old is in no compose file/);
    assert.deepEqual(
      plan.secrets.map(({ action }) => action),
      ["check"],
    );
    assert.deepEqual(
      plan.configs.map(({ action }) => action),
      ["keep"],
    );
  });

  it("tells what differs", () => {
    const state: StackState = {
      services: [aService({ ...specOf("tty: true"), Name: "st_b" })],
      networks: [aNetwork("st_default", { Driver: "bridge", Labels: labels })],
      secrets: [{ ...file, Spec: { Name: "st_s", Labels: {} } }],
      configs: [{ ...file, Spec: { Name: "st_c", Labels: labels, Data: "b2xk" } }],
    };
    const plan = planOf(state);
    assert.deepEqual(
      plan.secrets.map(({ action }) => action),
      ["labels"],
    );
    assert.deepEqual(
      plan.configs.map(({ action }) => action),
      ["changed"],
    );
    assert.match(diffText(plan, false), /! config st_c has other data/);
    assert.match(
      diffText(plan, false),
      /~ service st_b\n[\s\S]*Image: "x" -> "y"\n[\s\S]* {4}- TaskTemplate\.ContainerSpec\.TTY: true/,
    );
    assert.deepEqual(
      plan.warnings.map((line) => /\(different: (.*?)\)/.exec(line)?.[1]),
      ["driver"],
    );
  });

  it("tells of everything external that is missing", () => {
    const model = modelOf(
      "services:\n  a: {image: x, networks: [n, h, l], secrets: [s]}\nnetworks: {n: {external: true}, h: {external: true, name: host}, l: {external: true}}\nsecrets: {s: {external: true}}\n",
    );
    const problems = missingExternals(model, {
      ...empty,
      networks: [aNetwork("l", { Scope: "local" })],
    });
    assert.deepEqual(
      problems.map((line) => line.slice(0, 60)),
      [
        'network "l" is declared as external, but it is not in the ri',
        'network "n" is declared as external, but could not be found.',
        "secret not found: s",
      ],
    );
  });

  it("placements are told by node and reason", () => {
    const task = (Hostname: string, Kept: boolean) => ({ Slot: 1, NodeID: "n", Hostname, Kept });
    const text = placementText({
      Services: [
        {
          Name: "a",
          Tasks: [task("h1", true), task("h2", false), task("h2", false)],
          Unplaced: [{ Count: 1, Explanation: "no room" }],
          Refusal: "",
        },
        { Name: "b", Tasks: [], Unplaced: [], Refusal: "port taken" },
        { Name: "c", Tasks: [], Unplaced: [], Refusal: "" },
      ],
      ChangedSecrets: [],
    });
    assert.equal(
      text,
      "service a\n    h1: 1 as now\n    h2: 2 new tasks\n    ! 1 task could not be placed: no room\nservice b would be refused: port taken\nservice c\n    no tasks",
    );
  });
});

describe("waiting for dependencies", () => {
  const web = aService(specOf("deploy: {replicas: 2}"));
  const job = aService(
    specOf(
      "deploy: {mode: replicated-job, restart_policy: {condition: on-failure, max_attempts: 1}}",
    ),
    { JobStatus: { JobIteration: { Index: 0 } } },
  );
  const once = aService(specOf("deploy: {restart_policy: {condition: none}}"));
  const task = (State: TaskStateJson, Slot = 1): TaskJson => ({
    ID: `t${Slot}`,
    Version: { Index: 1 },
    CreatedAt: "",
    UpdatedAt: "",
    Labels: {},
    Spec: { ForceUpdate: 0 },
    Slot,
    Status: { State, PortStatus: {}, Err: "boom" },
    DesiredState: State === "running" || State === "starting" ? "running" : "complete",
    Volumes: null,
  });
  const table: { name: string; given: Parameters<typeof conditionProgress>; want: unknown }[] = [
    {
      name: "started: none yet",
      given: ["service_started", web, [task("starting")], []],
      want: "waiting",
    },
    {
      name: "started: one runs",
      given: ["service_started", web, [task("running")], []],
      want: "fulfilled",
    },
    {
      name: "started: it ran",
      given: ["service_started", once, [task("complete")], []],
      want: "fulfilled",
    },
    {
      name: "healthy: one of two",
      given: ["service_healthy", web, [task("running")], []],
      want: "waiting",
    },
    {
      name: "healthy: both",
      given: ["service_healthy", web, [task("running"), task("running", 2)], []],
      want: "fulfilled",
    },
    {
      name: "healthy: an update is under way",
      given: [
        "service_healthy",
        { ...web, UpdateStatus: { State: "updating" } },
        [task("running"), task("running", 2)],
        [],
      ],
      want: "waiting",
    },
    {
      name: "healthy: the update paused",
      given: [
        "service_healthy",
        { ...web, UpdateStatus: { State: "paused", Message: "m" } },
        [],
        [],
      ],
      want: { failed: "service update paused: m" },
    },
    {
      name: "completed: a job runs",
      given: ["service_completed_successfully", job, [task("running", 0)], []],
      want: "waiting",
    },
    {
      name: "completed: a job is done",
      given: ["service_completed_successfully", job, [task("complete", 0)], []],
      want: "fulfilled",
    },
    {
      name: "completed: a job tries again",
      given: ["service_completed_successfully", job, [task("failed", 0)], []],
      want: "waiting",
    },
    {
      name: "completed: a job gave up",
      given: ["service_completed_successfully", job, [task("failed", 0), task("failed", 0)], []],
      want: { failed: "task t0 failed: boom" },
    },
    {
      name: "completed: a service ended well",
      given: ["service_completed_successfully", once, [task("complete")], []],
      want: "fulfilled",
    },
    {
      name: "completed: a service failed for good",
      given: ["service_completed_successfully", once, [task("failed")], []],
      want: { failed: "task t1 failed: boom" },
    },
  ];
  for (const { name, given, want } of table) {
    it(name, () => assert.deepEqual(conditionProgress(...given), want));
  }
});
