// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of compose files look like this
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parseFile } from "../../../../src/cli/compose/parse.ts";
import { Problems } from "../../../../src/cli/compose/problems.ts";
import { readStack } from "../../../../src/cli/compose/read-stack.ts";
import { composeFolder } from "../../../support/compose-files.ts";
import { fieldsOf, read } from "./helpers.ts";

describe("reading YAML", () => {
  const wrong: { name: string; given: string; want: RegExp[] }[] = [
    { name: "no YAML", given: "a: [1\nb: 2\n", want: [/^f\.yml:2:1: not valid YAML/] },
    {
      name: "a key twice",
      given: "services:\n  a: {image: x}\n  a: {image: y}\n",
      want: [/^f\.yml:3:3: .*unique/],
    },
    { name: "an empty file", given: "", want: [/^f\.yml:1:1: the file is empty/] },
    {
      name: "a list",
      given: "- a\n",
      want: [/^f\.yml:1:1: the top of a compose file must be a map/],
    },
    { name: "two documents", given: "services: {}\n---\nservices: {}\n", want: [/one document/] },
    {
      name: "an alias to nothing",
      given: "services:\n  a: *b\n",
      want: [/^f\.yml:2:6: there is no anchor &b/, /must be a map/],
    },
    {
      name: "a merge of a text",
      given: "services:\n  a:\n    <<: text\n    image: x\n",
      want: [/^f\.yml:3:9: << must name a map/],
    },
    { name: "no services", given: "networks: {}\n", want: [/^f\.yml:1:1: there are no services/] },
  ];
  for (const { name, given, want } of wrong) {
    it(`tells of ${name}`, () => {
      const { errors } = read(given);
      assert.equal(errors.length, want.length, errors.join("\n"));
      for (const [at, pattern] of want.entries()) assert.match(errors[at] ?? "", pattern);
    });
  }

  it("writes anchors and merge keys out; own keys win, and earlier maps", () => {
    const result = read(`
x-a: &a {image: a, user: ua, environment: {A: 1}}
x-b: &b {image: b, user: ub, hostname: hb}
services:
  one:
    image: own
    <<: [*a, *b]
  two: *a
`);
    assert.deepEqual(fieldsOf(result, "one"), {
      image: "own",
      user: "ua",
      hostname: "hb",
      environment: { A: "1" },
    });
    assert.equal(fieldsOf(result, "two").image, "a");
  });

  it("bounds what aliases of aliases become", () => {
    const levels = Array.from({ length: 12 }, (_, at) =>
      at === 0
        ? "x0: &a0 [a, a, a, a, a, a, a, a, a, a]"
        : `x${at}: &a${at} [${Array(10)
            .fill(`*a${at - 1}`)
            .join(", ")}]`,
    );
    const problems = new Problems();
    parseFile(`${levels.join("\n")}\nservices: {}\n`, "f.yml", problems);
    assert.match(problems.errors[0]?.message ?? "", /too large/);
  });

  it("never throws, whatever the text", () => {
    fc.assert(fc.property(fc.string(), (text) => void read(text)));
    const words = fc.constantFrom(
      "services",
      "a",
      ":",
      " ",
      "\n",
      "  ",
      "- ",
      "image",
      "{",
      "}",
      "[",
      "]",
      "&x",
      "*x",
      "<<",
      "${A",
      "80:80",
      "!reset",
      '"',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 40 }), (parts) => void read(parts.join(""))),
    );
  });
});

describe("several files", () => {
  const base = `
services:
  a:
    image: one
    command: first second
    ports: ["80:80", "81:81/udp"]
    volumes: ["d:/d", "e:/e"]
    environment: {A: 1, B: 2}
    cap_add: [X]
    healthcheck: {test: [CMD, a], interval: 5s}
    logging: {driver: syslog, options: {a: 1}}
    deploy: {replicas: 2, labels: {a: b}, placement: {constraints: [a==b]}}
volumes: {d: , e: }
`;
  const later = `
services:
  a:
    command: third
    ports: ["80:8080", "82:82"]
    volumes: ["./x:/e"]
    environment: [B=3, C=4]
    cap_add: [X, Y]
    healthcheck: {test: b}
    logging: {driver: json-file}
    deploy: {replicas: 3, labels: [c=d], placement: {constraints: [c==d]}}
  b: {image: two}
`;
  it("are merged: maps by key, lists joined, what is unique replaced", () => {
    const a = fieldsOf(read([base, later]), "a");
    assert.deepEqual(a.command, ["third"]);
    assert.deepEqual(
      a.ports?.map(({ published, target, protocol }) => `${published}>${target}/${protocol}`),
      ["80>8080/tcp", "81>81/udp", "82>82/tcp"],
    );
    assert.deepEqual(
      a.volumes?.map(({ type, source, target }) => `${type} ${source} ${target}`),
      ["volume d /d", "bind /p/x /e"],
    );
    assert.deepEqual(a.environment, { A: "1", B: "3", C: "4" });
    assert.deepEqual(a.cap_add, ["X", "Y"]);
    assert.deepEqual(a.healthcheck, { test: ["CMD-SHELL", "b"], interval: "5s" });
    assert.deepEqual(a.logging, { driver: "json-file" });
    assert.deepEqual(a.deploy, {
      replicas: 3,
      labels: { a: "b", c: "d" },
      placement: { constraints: ["a==b", "c==d"] },
    });
  });

  it("obey !reset and !override", () => {
    const changes =
      "services:\n  a:\n    ports: !override ['9:9']\n    healthcheck: !reset null\n    environment:\n      A: !reset null\n";
    const a = fieldsOf(read([base, changes]), "a");
    assert.deepEqual(
      a.ports?.map(({ published }) => published),
      [9],
    );
    assert.equal(a.healthcheck, undefined);
    assert.deepEqual(a.environment, { B: "2" });
  });

  it("tell of mistakes with the file they are in", () => {
    const { errors } = read([base, "services:\n  a:\n    deploy: {replicas: many}\n"]);
    assert.deepEqual(
      errors.map((line) => line.slice(0, 12)),
      ["f2.yml:3:24:"],
    );
  });

  it("merged with nothing stay as they are", () => {
    assert.deepEqual(read([base, "services: {}"]).model, read(base).model);
    assert.deepEqual(read([base, base]).model.services[0]?.fields.environment, { A: "1", B: "2" });
  });
});

describe("extends and include", () => {
  it("put the base under the service, from this file and others", () => {
    const files = {
      "/p/sub/common.yml":
        "services:\n  x:\n    image: x\n    volumes: ['./v:/v']\n    extends: y\n  y: {image: y, user: '1'}\n",
    };
    const text = "services:\n  a: {extends: {file: sub/common.yml, service: x}, hostname: h}\n";
    assert.deepEqual(fieldsOf(read(text, { files }), "a"), {
      image: "x",
      user: "1",
      hostname: "h",
      volumes: [{ type: "bind", source: "/p/sub/v", target: "/v" }],
    });
  });

  const wrong: { name: string; given: string; files?: Record<string, string>; want: RegExp }[] = [
    {
      name: "a circle",
      given: "services:\n  a: {extends: b}\n  b: {extends: a}\n",
      want: /^f\.yml:\d:\d+: service \w extends itself/,
    },
    {
      name: "no such service",
      given: "services:\n  a: {image: x, extends: z}\n",
      want: /^f\.yml:2:26: there is no service z to extend/,
    },
    {
      name: "no such file",
      given: "services:\n  a: {image: x, extends: {file: n.yml, service: a}}\n",
      want: /^f\.yml:2:33: there is no file \/p\/n\.yml/,
    },
    {
      name: "no such include",
      given: "include: [n.yml]\nservices:\n  a: {image: x}\n",
      want: /^f\.yml:1:11: there is no file \/p\/n\.yml/,
    },
    {
      name: "an include of itself",
      given: "include: [i.yml]\nservices:\n  a: {image: x}\n",
      files: { "/p/i.yml": "include: [i.yml]\nservices: {}\n" },
      want: /^\/p\/i\.yml:1:11: i\.yml includes itself/,
    },
    {
      name: "a service twice",
      given: "include: [i.yml]\nservices:\n  a: {image: x}\n",
      files: { "/p/i.yml": "services: {a: {image: y}}\n" },
      want: /^f\.yml:3:3: services\.a is in an included file already/,
    },
    {
      name: "a wrong include",
      given: "include: {a: b}\nservices:\n  a: {image: x}\n",
      want: /^f\.yml:1:10: include must be a list/,
    },
  ];
  for (const { name, given, files = {}, want } of wrong) {
    it(`tell of ${name}`, () => {
      const { errors } = read(given, { files });
      assert.match(errors.join("\n"), want);
    });
  }

  it("include reads with its own variables and folder; several paths of one item are merged", () => {
    const files = {
      "/p/db/compose.yml": "services:\n  db: {image: 'pg:${V}', volumes: ['./i:/i']}\n",
      "/p/db/more.yml": "services:\n  db: {hostname: h}\n",
      "/p/db/.env": "V=1\n",
      "/p/set.env": "V=2\n",
    };
    const text = `
include:
  - path: [db/compose.yml, db/more.yml]
    env_file: set.env
services:
  a: {image: "x\${V-}", depends_on: [db]}
`;
    const result = read(text, { files });
    assert.deepEqual(fieldsOf(result, "db"), {
      image: "pg:1",
      hostname: "h",
      volumes: [{ type: "bind", source: "/p/db/i", target: "/i" }],
    });
    assert.equal(fieldsOf(result, "a").image, "x");
    assert.deepEqual(
      result.model.services.map(({ name }) => name),
      ["db", "a"],
    );
  });
});

describe("the compose files of the tests", () => {
  it("extend, include and override each other", () => {
    const paths = ["compose.yml", "override.yml"].map((name) =>
      join(composeFolder, "extended", name),
    );
    const { model, problems } = readStack(
      paths.map((file) => ({ file, text: readFileSync(file, "utf8") })),
      join(composeFolder, "extended"),
      (name) => (name === "TAG" ? "3" : undefined),
      { readBytes: (path) => (existsSync(path) ? readFileSync(path) : undefined) },
    );
    assert.deepEqual(problems.errors, []);
    const shown = model.services.map(({ name, fields, dependsOn }) => [
      name,
      fields.image,
      fields.command,
      fields.environment,
      fields.ports?.map(({ published }) => published),
      fields.deploy?.replicas,
      fields.healthcheck,
      dependsOn.map(({ service, condition }) => `${service} ${condition}`),
    ]);
    const db = "db service_healthy";
    assert.deepEqual(shown, [
      [
        "base",
        "registry.test/app:3",
        undefined,
        { LOG_LEVEL: "info", MODE: "base" },
        undefined,
        0,
        undefined,
        [],
      ],
      [
        "db",
        "postgres:16.3",
        undefined,
        undefined,
        undefined,
        undefined,
        { test: ["CMD-SHELL", "pg_isready"], interval: "2s" },
        [],
      ],
      [
        "migrate",
        "registry.test/app:3",
        ["migrate", "up"],
        { LOG_LEVEL: "info", MODE: "base" },
        undefined,
        undefined,
        undefined,
        [db],
      ],
      [
        "api",
        "registry.test/app:3",
        ["serve", "--port", "8000", "--debug"],
        { LOG_LEVEL: "debug", MODE: "api" },
        [9000],
        2,
        undefined,
        [db, "migrate service_completed_successfully"],
      ],
      [
        "worker",
        "registry.test/runner:2",
        ["run", "--all"],
        undefined,
        undefined,
        undefined,
        undefined,
        ["api undefined"],
      ],
    ]);
    assert.deepEqual(fieldsOf({ model, errors: [], warnings: [] }, "worker").volumes, [
      {
        type: "bind",
        source: join(composeFolder, "extended/scripts"),
        target: "/scripts",
        read_only: true,
      },
    ]);
  });
});

describe("variables, env files and data", () => {
  it("come from .env, and from the environment before it", () => {
    const files = { "/p/.env": "A=file\nB=file\n" };
    const result = read("services:\n  a: {image: '${A}:${B}'}\n", {
      files,
      environment: { A: "env" },
    });
    assert.equal(fieldsOf(result, "a").image, "env:file");
    const names = read("services:\n  a: {image: x, environment: [A, B]}\n", { files });
    assert.deepEqual(fieldsOf(names, "a").environment, { A: "file", B: "file" });
  });

  it("env files are under environment; names alone take the client's value", () => {
    const files = { "/p/one.env": 'A=1\nB="q"\nHOME1\nGONE\n', "/p/two.env": 'B="raw"\n' };
    const text = `
services:
  a:
    image: x
    env_file: [one.env, {path: two.env, format: raw}, {path: none.env, required: false}]
    environment: [C=3, HOME2, LOST]
`;
    const environment = { HOME1: "h1", HOME2: "h2" };
    assert.deepEqual(fieldsOf(read(text, { files, environment }), "a").environment, {
      A: "1",
      B: '"raw"',
      HOME1: "h1",
      C: "3",
      HOME2: "h2",
      LOST: null,
    });
  });

  it("tells of env files and data that are missing", () => {
    const { errors } = read(`
services:
  a:
    image: x
    env_file: gone.env
secrets:
  s: {file: gone.txt}
configs:
  c: {environment: GONE}
  d: {file: a, content: b}
  e: {external: true, file: a}
`);
    assert.deepEqual(errors, [
      "f.yml:5:5: services.a.env_file: there is no file /p/gone.env",
      "f.yml:7:3: secrets.s.file: there is no file /p/gone.txt",
      "f.yml:9:3: configs.c.environment: variable GONE is not set",
      "f.yml:10:3: configs.d needs file, environment or content, just one of them, or external: true",
      "f.yml:11:3: configs.e is external: file cannot be set here",
    ]);
  });

  it("data come from files, variables and the text itself", () => {
    const { model, errors } = read(
      "services:\n  a: {image: x}\nsecrets: {s: {file: s.txt}, t: {environment: T}}\nconfigs: {c: {content: 'x ${T}'}}\n",
      { files: { "/p/s.txt": "data" }, environment: { T: "tt" } },
    );
    assert.deepEqual(errors, []);
    const data = [model.secrets["s"], model.secrets["t"], model.configs["c"]].map((file) =>
      String(file?.data),
    );
    assert.deepEqual(data, ["data", "tt", "x tt"]);
  });

  it("warns of variables that are not set, with the place", () => {
    const { warnings } = read("services:\n  a:\n    image: x:$NONE\n");
    assert.deepEqual(warnings, [
      "f.yml:3:12: variable NONE is not set; it stands for nothing here",
    ]);
  });
});
