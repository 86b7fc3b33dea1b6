// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of compose files look like this
import assert from "node:assert/strict";
import { read } from "./helpers.ts";

/** A wrong value for each key of a service; the line it stands in is 4. */
const serviceKeys: Record<string, [value: string, want: RegExp]> = {
  cap_add: ["NET_ADMIN", /cap_add must be a list, not "NET_ADMIN"/],
  cap_drop: ["[[a]]", /cap_drop\[0\] must be a string/],
  command: [`'"open'`, /command must be a command whose quotes are closed/],
  configs: ["{a: b}", /configs must be a list, not a map/],
  depends_on: ["b", /depends_on must be a map, not "b"/],
  deploy: ["[]", /deploy must be a map, not a list/],
  dns: ["true", /dns must be a list, not true/],
  dns_opt: ["x", /dns_opt must be a list/],
  dns_search: ["{}", /dns_search must be a list/],
  entrypoint: ["{a: b}", /entrypoint must be a string or a list of strings/],
  env_file: ["true", /env_file must be a list/],
  environment: ["text", /environment must be a map, not "text"/],
  extra_hosts: ["[nocolon]", /extra_hosts\[0\] must be name:ip/],
  group_add: ["5", /group_add must be a list/],
  healthcheck: ["curl", /healthcheck must be a map/],
  hostname: ["[h]", /hostname must be a string, not a list/],
  image: ["1.10", /image must be a string; write "1\.10" in quotes, not 1\.10/],
  init: ["maybe", /init must be true or false, not "maybe"/],
  isolation: ["5", /isolation must be a string/],
  labels: ["7", /labels must be a map/],
  logging: ["syslog", /logging must be a map/],
  networks: ["front", /networks must be a map/],
  oom_score_adj: ["5000", /oom_score_adj must be a whole number from -1000 to 1000/],
  ports: ["8080", /ports must be a list, not 8080/],
  read_only: ["readonly", /read_only must be true or false/],
  restart: ["sometimes", /restart must be one of no, always, unless-stopped, on-failure/],
  secrets: ["[{mode: 0999, source: s}]", /secrets\[0\]\.mode must be permission bits such as 0440/],
  stdin_open: ["2", /stdin_open must be true or false/],
  stop_grace_period: [
    "soon",
    /stop_grace_period must be a duration such as 10s or 1m30s, not "soon"/,
  ],
  stop_signal: ["[]", /stop_signal must be a string or number/],
  sysctls: ["1", /sysctls must be a map/],
  tmpfs: ["{}", /tmpfs must be a list/],
  "tmpfs ": ["['/t:size=big']", /tmpfs\[0\] must be \/path or \/path:size=64m,mode=1777/],
  tty: ["tty", /tty must be true or false/],
  ulimits: ["{nofile: many}", /ulimits\.nofile must be a whole number from -1, not "many"/],
  user: ["[]", /user must be a string or number/],
  volumes: [
    "[{type: disk, target: /x}]",
    /volumes\[0\]\.type must be one of volume, bind, tmpfs, not "disk"/,
  ],
  working_dir: ["1", /working_dir must be a string/],
  volume_driver: ["x", /volume_driver is not supported: set the driver/],
  volumes_from: ["[x]", /volumes_from is not supported/],
  cpus: ["1", /cpus is not supported: set deploy\.resources\.limits\.cpus instead/],
  mem_limit: ["1g", /mem_limit is not supported: set deploy\.resources\.limits\.memory/],
  imge: ["x", /services\.a has no key imge; did you mean image\?/],
  wholly: ["x", /services\.a has no key wholly$/],
};

const deployKeys: Record<string, RegExp> = {
  "mode: swarm": /deploy\.mode must be one of replicated, global, replicated-job, global-job/,
  "endpoint_mode: lb": /deploy\.endpoint_mode must be one of vip, dnsrr/,
  "replicas: -1": /deploy\.replicas must be a whole number from 0, not -1/,
  "replicas: 1.5": /deploy\.replicas must be a whole number/,
  "labels: x": /deploy\.labels must be a map/,
  "update_config: {parallelism: x}": /update_config\.parallelism must be a whole number/,
  "update_config: {delay: 5 parsecs}": /update_config\.delay must be a duration/,
  "update_config: {monitor: -1s}": /update_config\.monitor must be a duration/,
  "update_config: {max_failure_ratio: 2}": /max_failure_ratio must be a number from 0 to 1/,
  "update_config: {order: random}": /order must be one of stop-first, start-first/,
  "update_config: {failure_action: cry}": /failure_action must be one of pause, continue, rollback/,
  "rollback_config: {failure_action: rollback}":
    /rollback_config\.failure_action must be one of pause, continue/,
  "resources: {limits: {cpus: lots}}": /limits\.cpus must be a number of processors/,
  "resources: {limits: {memory: 5 apples}}":
    /limits\.memory must be a size such as 512m or 1g, not "5 apples"/,
  "resources: {limits: {pids: x}}": /limits\.pids must be a whole number/,
  "resources: {reservations: {memory: [1]}}": /reservations\.memory must be a size/,
  "resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: gpu}}]}}":
    /needs discrete_resource_spec with kind and value/,
  "restart_policy: {condition: always}": /condition must be one of none, on-failure, any/,
  "restart_policy: {delay: x}": /restart_policy\.delay must be a duration/,
  "restart_policy: {max_attempts: x}": /max_attempts must be a whole number/,
  "restart_policy: {window: x}": /window must be a duration/,
  "placement: {constraints: node.role}": /constraints must be a list/,
  "placement: {constraints: [node.role]}": /"node\.role" must be key==value or key!=value/,
  "placement: {preferences: [spread]}": /preferences\[0\] must be a map/,
  "placement: {max_replicas_per_node: x}": /max_replicas_per_node must be a whole number/,
  "replica: 3": /deploy has no key replica; did you mean replicas\?/,
};

const whole: { name: string; given: string; want: string[] }[] = [
  {
    name: "all mistakes at once, in order",
    given: "services:\n  a: {image: x, tty: 5, imag: y}\n  b:\n    ports: [x]\nnetworks: 5\n",
    want: [
      "f.yml:2:22: services.a.tty must be true or false, not 5",
      "f.yml:2:25: services.a has no key imag; did you mean image?",
      'f.yml:4:13: "x" must be [[ip:]published:]target[/protocol] with ports or ranges of ports, such as 8080:80 or 53:53/udp',
      "f.yml:5:11: networks must be a map",
    ],
  },
  {
    name: "no image",
    given: "services:\n  a: {command: x}\n",
    want: ["f.yml:2:3: services.a needs an image: a stack builds none"],
  },
  {
    name: "an unknown network",
    given: "services:\n  a:\n    image: x\n    networks: [n]\n",
    want: ["f.yml:4:16: services.a.networks: there is no network n under the top-level networks"],
  },
  {
    name: "an unknown volume",
    given: "services:\n  a:\n    image: x\n    volumes: ['v:/v']\n",
    want: ["f.yml:4:15: services.a.volumes[0]: there is no volume v under the top-level volumes"],
  },
  {
    name: "an unknown secret",
    given: "services:\n  a:\n    image: x\n    secrets: [s]\n",
    want: ["f.yml:4:15: services.a.secrets[0]: there is no secret s under the top-level secrets"],
  },
  {
    name: "an unknown config",
    given: "services:\n  a:\n    image: x\n    configs: [c]\n",
    want: ["f.yml:4:15: services.a.configs[0]: there is no config c under the top-level configs"],
  },
  {
    name: "an unknown dependency",
    given: "services:\n  a:\n    image: x\n    depends_on: [z]\n",
    want: ["f.yml:4:18: services.a.depends_on: there is no service z"],
  },
  {
    name: "a circle of dependencies",
    given:
      "services:\n  a: {image: x, depends_on: {b: {condition: service_healthy}}}\n  b: {image: x, depends_on: {a: {condition: service_healthy}}}\n",
    want: [
      "f.yml:2:17: services.a.depends_on goes round in a circle: a -> b -> a",
      "f.yml:3:17: services.b.depends_on goes round in a circle: b -> a -> b",
    ],
  },
  {
    name: "waiting for the end of what never ends",
    given:
      "services:\n  a: {image: x, depends_on: {b: {condition: service_completed_successfully}}}\n  b: {image: x}\n",
    want: [
      "f.yml:2:30: services.a.depends_on.b: service b never completes; make it a job (deploy.mode: replicated-job)",
    ],
  },
  {
    name: "a port twice",
    given: "services:\n  a:\n    image: x\n    ports: ['80:80', '80:81']\n",
    want: ["f.yml:4:22: services.a.ports[1]: port 80/tcp is published twice"],
  },
  {
    name: "a port that two services publish",
    given:
      "services:\n  a: {image: x, ports: ['80:80']}\n  b:\n    image: x\n    ports: [{target: 1, published: 80, mode: host}]\n",
    want: ["f.yml:5:5: services.b.ports: port 80/tcp is published by service a too"],
  },
  {
    name: "a mount twice",
    given: "services:\n  a:\n    image: x\n    volumes: [/v, '/x:/v']\n",
    want: ["f.yml:4:19: services.a.volumes[1]: /v is mounted twice"],
  },
  {
    name: "replicas of a global service",
    given: "services:\n  a:\n    image: x\n    deploy: {mode: global, replicas: 2}\n",
    want: ["f.yml:4:28: services.a.deploy.replicas has no meaning in mode global"],
  },
  {
    name: "updates of jobs",
    given: "services:\n  a:\n    image: x\n    deploy: {mode: global-job, update_config: {}}\n",
    want: ["f.yml:4:32: services.a.deploy.update_config has no meaning for jobs"],
  },
  {
    name: "dnsrr with the routing mesh",
    given: "services:\n  a:\n    image: x\n    deploy: {endpoint_mode: dnsrr}\n    ports: [80]\n",
    want: [
      "f.yml:5:13: services.a.ports[0]: endpoint_mode dnsrr goes only with ports of mode host",
    ],
  },
  {
    name: "an old version",
    given: "version: '2.4'\nservices:\n  a: {image: x}\n",
    want: ["f.yml:1:10: version 2.4 is not supported: it is 3 to 3.13, or left out"],
  },
  {
    name: "an unknown section",
    given: "service:\n  a: {image: x}\nservices: {a: {image: x}}\n",
    want: ["f.yml:1:1: the file has no key service; did you mean services?"],
  },
  {
    name: "a network with a wrong driver",
    given: "services: {a: {image: x}}\nnetworks:\n  n: {driver: 5, external: maybe}\n",
    want: [
      'f.yml:3:15: networks.n.driver must be a string; write "5" in quotes, not 5',
      'f.yml:3:28: networks.n.external must be true or false, not "maybe"',
    ],
  },
  {
    name: "an external network with settings",
    given: "services: {a: {image: x}}\nnetworks:\n  n: {external: true, driver: overlay}\n",
    want: ["f.yml:3:3: networks.n is external: driver cannot be set here"],
  },
  {
    name: "a name no service can have",
    given: "services:\n  'a b': {image: x}\n",
    want: ['f.yml:2:3: "a b" cannot be the name of a service: use letters, digits, ., _ and -'],
  },
  {
    name: "a variable that must be set",
    given: "services:\n  a:\n    image: ${TAG:?set TAG}\n",
    want: ["f.yml:3:12: required variable TAG is missing a value: set TAG"],
  },
  {
    name: "a health check that begins wrong",
    given: "services:\n  a:\n    image: x\n    healthcheck: {test: [curl, x]}\n",
    want: [
      "f.yml:4:25: services.a.healthcheck.test must begin with NONE, CMD or CMD-SHELL, or be a string",
    ],
  },
];

const ignoredKeys = [
  "build: .",
  "container_name: c",
  "links: [b]",
  "expose: [80]",
  "devices: [/dev/x]",
  "privileged: true",
  "network_mode: host",
  "security_opt: [a]",
  "shm_size: 1g",
  "profiles: [dev]",
  "pull_policy: always",
  "platform: linux/arm64",
];

describe("mistakes in compose files", () => {
  for (const [key, [value, want]] of Object.entries(serviceKeys)) {
    it(`${key}: ${value}`, () => {
      const { errors } = read(
        `services:\n  a:\n${key === "image" ? "    tty: true" : "    image: x"}\n    ${key}: ${value}\nsecrets: {s: {external: true}}\n`,
      );
      assert.ok(errors.length > 0, "no error");
      assert.match(errors.join("\n"), want);
      for (const line of errors) assert.match(line, /^f\.yml:[45]:\d+: /);
    });
  }
  for (const [key, want] of Object.entries(deployKeys)) {
    it(`deploy: {${key}}`, () => {
      const { errors } = read(`services:\n  a:\n    image: x\n    deploy:\n      ${key}\n`);
      assert.equal(errors.length, 1, errors.join("\n"));
      assert.match(errors[0] ?? "", want);
      assert.match(errors[0] ?? "", /^f\.yml:5:\d+: services\.a\.deploy/);
    });
  }
  for (const { name, given, want } of whole) {
    it(`tells of ${name}`, () => assert.deepEqual(read(given).errors, want));
  }
  for (const key of ignoredKeys) {
    it(`warns that ${key} is ignored`, () => {
      const { errors, warnings } = read(
        `services:\n  a:\n    image: x\n    ${key}\n  b: {image: y}\n`,
      );
      assert.deepEqual(errors, []);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? "", /^f\.yml:4:5: services\.a\.\w+ is ignored: /);
    });
  }
});
