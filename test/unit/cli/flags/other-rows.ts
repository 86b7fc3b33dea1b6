import { type BadFlagTable, type BadValue, bad } from "./bad-flag-row.ts";

/** A command, its flags that take a value, and the words that make it complete. */
export interface OtherRows {
  readonly rest: readonly string[];
  readonly rows: BadFlagTable;
}

const count = "a whole number from 0 on";
const duration = "a duration such as 10s or 1m30s";
const availability = "active, pause, drain";
const file = "a file that can be read";
const time = "an RFC 3339 time or a duration such as 10m";
const address = { none: "the daemon looks addresses up: see test/integration/bad-values.test.ts" };
const externalCa = "protocol=cfssl,url=https://…";

const format = [
  bad("--format", "{{.Nope", "no closing }}"),
  bad("--format", "{{range .}}", "no {{end}}"),
];
const list: BadFlagTable = {
  "--format": [...format],
  "--filter": [bad("--filter", "web", "key=value"), bad("--filter", "=x", "key=value")],
};
const inspect: BadFlagTable = { "--format": format };
/** Of the nouns that have `inspect --pretty`. */
const prettyInspect: BadFlagTable = {
  "--format": [...format, { args: ["--pretty", "--format=json"], want: /left out where --pretty/ }],
};
const logTimes: BadFlagTable = {
  "--since": [bad("--since", "yesterday", time)],
  "--until": [bad("--until", "yesterday", time)],
};
const tail = [bad("--tail", "some", "a number of lines or all"), bad("--tail", "-1", "or all")];
const input = [bad("--input", "/does/not/exist", file), bad("--input", "/tmp", "it is a folder")];
const label = [bad("--label", "=x", "key=value")];

function withRotate(...values: readonly BadValue[]): readonly BadValue[] {
  return values.map((value) => ({ ...value, args: ["--rotate", ...value.args] }));
}

function without(flag: string): BadValue {
  return { args: [`${flag}=x`], want: /requires the `--rotate` flag/, exitCode: 1 };
}

const settings: BadFlagTable = {
  "--cert-expiry": [bad("--cert-expiry", "soon", duration)],
  "--dispatcher-heartbeat": [bad("--dispatcher-heartbeat", "fast", duration)],
  "--task-history-limit": [bad("--task-history-limit", "-1", count)],
  "--snapshot-interval": [bad("--snapshot-interval", "often", count)],
  "--autolock": [bad("--autolock", "maybe", "true or false")],
  "--external-ca": [
    bad("--external-ca", "x", externalCa),
    bad("--external-ca", "protocol=acme,url=https://x", externalCa),
    bad("--external-ca", "protocol=cfssl,url=http://x", externalCa),
    bad("--external-ca", "protocol=cfssl,url=https://x,cacert=/does/not/exist", file),
    bad("--external-ca", "protocol=cfssl,url=https://x,cacert=/dev/null", "a certificate in PEM"),
  ],
};

/** Switches are tested by their definition alone. */
export const otherRows: Readonly<Record<string, OtherRows>> = {
  "swarm init": {
    rest: [],
    rows: {
      ...settings,
      "--advertise-addr": address,
      "--listen-addr": address,
      "--data-path-addr": address,
      "--data-path-port": [bad("--data-path-port", "x", count)],
      "--default-addr-pool": address,
      "--default-addr-pool-mask-length": [bad("--default-addr-pool-mask-length", "x", count)],
      "--availability": [bad("--availability", "away", availability)],
      "--ca-cert": [
        { args: ["--ca-cert=x"], want: /--ca-cert needs --ca-key or --external-ca/, exitCode: 1 },
        { args: ["--ca-cert=/does/not/exist", "--ca-key=x"], want: /for --ca-cert: .*can be read/ },
      ],
      "--ca-key": [{ args: ["--ca-key=x"], want: /--ca-key needs --ca-cert/, exitCode: 1 }],
    },
  },
  "swarm join": {
    rest: ["--token", `SWMTKN-1-${"a".repeat(50)}-${"b".repeat(25)}`, "10.0.0.1:2377"],
    rows: {
      "--token": [
        { args: [], want: /"hello" for --token: .*swarm join-token/, last: ["--token=hello"] },
      ],
      "--advertise-addr": address,
      "--listen-addr": address,
      "--data-path-addr": address,
      "--availability": [bad("--availability", "away", availability)],
    },
  },
  "swarm update": { rest: [], rows: settings },
  "swarm ca": {
    rest: [],
    rows: {
      "--ca-cert": [
        without("--ca-cert"),
        ...withRotate({
          args: ["--ca-cert=x"],
          want: /--ca-cert needs --ca-key or --external-ca/,
          exitCode: 1,
        }),
      ],
      "--ca-key": [
        without("--ca-key"),
        ...withRotate({ args: ["--ca-key=x"], want: /--ca-key needs --ca-cert/, exitCode: 1 }),
      ],
      "--cert-expiry": [
        without("--cert-expiry"),
        ...withRotate(bad("--cert-expiry", "soon", duration)),
      ],
      "--external-ca": [
        without("--external-ca"),
        ...withRotate({
          args: ["--external-ca=protocol=cfssl,url=https://x"],
          want: /--external-ca needs --ca-cert/,
          exitCode: 1,
        }),
      ],
    },
  },
  "swarm backup": {
    rest: ["/tmp/not-there-yet"],
    rows: {
      "--key-file": [bad("--key-file", "/does/not/exist/k", "a file that can be written")],
    },
  },
  "swarm restore": {
    rest: ["/etc/hostname"],
    rows: {
      "--key-file": [
        bad("--key-file", "/does/not/exist/k", file),
        bad("--key-file", "/dev/null", "a file with the backup's key"),
      ],
      "--advertise-addr": address,
      "--listen-addr": address,
      "--data-path-addr": address,
    },
  },
  "node ls": { rest: [], rows: list },
  "node inspect": { rest: ["self"], rows: prettyInspect },
  "node ps": { rest: [], rows: list },
  "node update": {
    rest: ["self"],
    rows: {
      "--availability": [bad("--availability", "away", availability)],
      "--role": [bad("--role", "boss", "worker, manager")],
      "--label-add": [bad("--label-add", "=x", "key=value")],
      "--label-rm": [bad("--label-rm", "a=b", "a key, without =value")],
    },
  },
  "node drain": { rest: ["self"], rows: { "--timeout": [bad("--timeout", "soon", duration)] } },
  "service ls": { rest: [], rows: list },
  "service ps": { rest: ["web"], rows: list },
  "service inspect": { rest: ["web"], rows: prettyInspect },
  "service logs": { rest: ["web"], rows: { ...logTimes, "--tail": tail } },
  "stack deploy": {
    rest: ["shop"],
    rows: {
      "--compose-file": [bad("--compose-file", "/does/not/exist", file)],
      "--resolve-image": [bad("--resolve-image", "often", "always, changed, never")],
      "--wait-timeout": [bad("--wait-timeout", "soon", duration)],
    },
  },
  "stack diff": {
    rest: ["shop"],
    rows: {
      "--compose-file": [bad("--compose-file", "/does/not/exist", file)],
      "--resolve-image": [bad("--resolve-image", "often", "always, changed, never")],
    },
  },
  "stack config": {
    rest: [],
    rows: { "--compose-file": [bad("--compose-file", "/does/not/exist", file)] },
  },
  "stack ls": {
    rest: [],
    rows: { ...list, "--filter": [bad("--filter", "label=a", "name=PART")] },
  },
  "stack services": { rest: ["shop"], rows: list },
  "stack ps": { rest: ["shop"], rows: list },
  "network create": {
    rest: ["n1"],
    rows: {
      "--driver": [
        bad("--driver", "bridge2", "use bridge, or overlay", "daemon"),
        bad("--driver", "", "overlay or bridge"),
      ],
      "--subnet": [
        bad("--subnet", "10.0.0.0/99", "10.0.0.0/99", "daemon"),
        bad("--subnet", "", "10.1.0.0/24"),
      ],
      "--gateway": [
        bad("--gateway", "10.1.1.1", "a --subnet of its own"),
        {
          args: ["--subnet=10.1.0.0/24", "--gateway=10.2.0.1"],
          want: /gateway 10\.2\.0\.1: it is not an address within 10\.1\.0\.0\/24/,
          by: "daemon",
        },
      ],
      "--ip-range": [
        bad("--ip-range", "10.1.1.0/25", "a --subnet of its own"),
        {
          args: ["--subnet=10.1.0.0/24", "--ip-range=10.2.0.0/25"],
          want: /ip-range 10\.2\.0\.0\/25: it is not within 10\.1\.0\.0\/24/,
          by: "daemon",
        },
      ],
      "--aux-address": [
        bad("--aux-address", "a=10.1.1.1", "the ip within a --subnet"),
        {
          args: ["--subnet=10.1.0.0/24", "--aux-address=a=b"],
          want: /"a=b" for --aux-address: it must be name=ip/,
        },
      ],
      "--ipam-driver": [bad("--ipam-driver", "magic", "leave it out", "daemon")],
      "--ipam-opt": [bad("--ipam-opt", "=x", "key=value")],
      "--label": label,
      "--opt": [bad("--opt", "=x", "key=value")],
    },
  },
  "network ls": { rest: [], rows: list },
  "network inspect": { rest: ["ingress"], rows: inspect },
  ...fileObjectRows("secret"),
  ...fileObjectRows("config"),
  "volume create": {
    rest: ["v1"],
    rows: {
      "--driver": { none: "nodes know their drivers: see test/integration/bad-values.test.ts" },
      "--label": label,
      "--opt": [bad("--opt", "=x", "key=value")],
    },
  },
  "volume ls": { rest: [], rows: list },
  "volume inspect": { rest: ["v1"], rows: inspect },
  "volume prune": {
    rest: [],
    rows: { "--filter": [bad("--filter", "web", "key=value")] },
  },
  "image ls": { rest: [], rows: list },
  "image load": { rest: [], rows: { "--input": input } },
  "image pull": {
    rest: ["busybox"],
    rows: { "--platform": [bad("--platform", "linux//", "os/arch")] },
  },
  "image save": {
    rest: ["busybox"],
    rows: {
      "--output": [
        bad("--output", "/does/not/exist/x.tar", "a file that can be written"),
        bad("--output", "/tmp", "a file that can be written (it is a folder)"),
      ],
    },
  },
  "image inspect": { rest: ["busybox"], rows: inspect },
  images: { rest: [], rows: list },
  load: { rest: [], rows: { "--input": input } },
  pull: { rest: ["busybox"], rows: { "--platform": [bad("--platform", "linux//", "os/arch")] } },
  ps: { rest: [], rows: list },
  exec: {
    rest: ["web.1.abc", "true"],
    rows: {
      "--env": [bad("--env", "=x", "NAME=value")],
      "--user": { none: "the container's own names: only the container's node knows them" },
      "--workdir": [bad("--workdir", "tmp", "an absolute path")],
    },
  },
  logs: { rest: ["web.1.abc"], rows: { ...logTimes, "--tail": tail } },
  inspect: { rest: ["web.1.abc"], rows: inspect },
  version: { rest: [], rows: inspect },
  info: { rest: [], rows: inspect },
  events: { rest: [], rows: { ...list, ...logTimes } },
  "context create": {
    rest: ["c1"],
    rows: {
      "--host": { none: "the program's own --host is read first: see contexts.test.ts" },
      "--docker": [
        bad("--docker", "x", "host=unix:///path or host=tcp://ip:port"),
        bad("--docker", "host=unix:///x,color=red", "host=unix:///path or host=tcp://ip:port"),
        {
          args: ["--host=unix:///a", "--docker=host=unix:///b"],
          want: /--docker: it must be left out where --host is given/,
        },
      ],
      "--description": { none: "any text will do" },
    },
  },
  "context ls": { rest: [], rows: inspect },
  "context inspect": { rest: ["default"], rows: inspect },
};

function fileObjectRows(noun: "secret" | "config"): Record<string, OtherRows> {
  return {
    [`${noun} create`]: {
      rest: ["s1", "/etc/hostname"],
      rows: {
        "--label": label,
        ...(noun === "secret" ? { "--driver": [bad("--driver", "vault", "left out")] } : {}),
        "--template-driver": [bad("--template-driver", "jinja", "use golang", "daemon")],
      },
    },
    [`${noun} ls`]: { rest: [], rows: list },
    [`${noun} inspect`]: { rest: ["s1"], rows: prettyInspect },
  };
}
