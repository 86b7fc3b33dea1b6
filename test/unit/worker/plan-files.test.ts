import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import type { Config, ConfigInput } from "../../../src/gen/skep/Config.ts";
import type { Secret, SecretInput } from "../../../src/gen/skep/Secret.ts";
import { probeContext } from "../../../src/model/placeholder.ts";
import { messageCodec } from "../../../src/rpc/load-proto.ts";
import { planFiles } from "../../../src/worker/executor/plan-files.ts";
import { aTaskSpec } from "../../support/builders.ts";

const secretCodec = messageCodec<SecretInput, Secret>("Secret");
const configCodec = messageCodec<ConfigInput, Config>("Config");
const golang = { name: "golang" };

function plan(config: { data: string; secret?: string; templated?: boolean }) {
  const spec = aTaskSpec({
    container: {
      image: "web",
      secrets: [{ secretId: "s1", secretName: "password", file: { name: "db-password" } }],
      configs: [
        {
          configId: "c1",
          configName: "app",
          file: { name: "/etc/app.conf", uid: "3", gid: "4", mode: 0o400 },
        },
      ],
    },
  });
  const secretSpec =
    config.secret === undefined
      ? { data: Buffer.from("hunter2{{.Node.ID}}") }
      : { data: Buffer.from(config.secret), templating: golang };
  const secret = { id: "s1", spec: secretSpec };
  const templating = config.templated === false ? null : golang;
  const object = { id: "c1", spec: { data: Buffer.from(config.data), templating } };
  const files = planFiles({
    spec: spec.container as NonNullable<typeof spec.container>,
    secrets: new Map([["s1", secretCodec.decode(secretCodec.encode(secret))]]),
    configs: new Map([["c1", configCodec.decode(configCodec.encode(object))]]),
    context: { ...probeContext({ tier: "front" }), Task: { ID: "t", Name: "web.2.t", Slot: "2" } },
    env: ["MODE=fast", "MODE2=slow"],
  });
  return files.map((file) => ({ ...file, content: Buffer.from(file.content).toString() }));
}

describe("files of a task", () => {
  it("are where their references say", () => {
    assert.deepEqual(plan({ data: "x={{.Task.Slot}}", templated: false }), [
      {
        path: "/run/secrets/db-password",
        content: "hunter2{{.Node.ID}}",
        mode: 0o444,
        uid: 0,
        gid: 0,
      },
      { path: "/etc/app.conf", content: "x={{.Task.Slot}}", mode: 0o400, uid: 3, gid: 4 },
    ]);
  });

  const cases: { name: string; data: string; want: string }[] = [
    { name: "placeholders", data: "slot={{.Task.Slot}}", want: "slot=2" },
    { name: "environment", data: '{{env "MODE"}} {{env "NONE"}}.', want: "fast ." },
    {
      name: "a secret, as it is",
      data: 'pw={{secret "db-password"}}',
      want: "pw=hunter2{{.Node.ID}}",
    },
    { name: "control", data: '{{if eq .Task.Slot "2"}}second{{end}}', want: "second" },
    { name: "labels", data: '{{index .Service.Labels "tier"}}', want: "front" },
  ];
  for (const { name, data, want } of cases) {
    it(`fill in ${name}`, () => assert.equal(plan({ data })[1]?.content, want));
  }

  it("show nothing of a secret when a template is wrong", () => {
    const table: { name: string; secret?: string; data?: string; want: RegExp }[] = [
      { name: "a secret's text", secret: "hunter2 {{.Oops", want: /^secret password: / },
      { name: "a secret's field", secret: "hunter2 {{.Hunter2}}", want: /^secret password: / },
      {
        name: "a secret in a config",
        data: '{{index (secret "db-password") "x"}}',
        want: /^config app: /,
      },
      {
        name: "a secret as a name",
        data: '{{config (secret "db-password")}}',
        want: /^config app: /,
      },
      { name: "a config's text", data: "{{.Oops", want: /^config app: .*no closing/ },
    ];
    for (const { name, secret, data = "", want } of table) {
      assert.throws(
        () => plan({ data, ...(secret === undefined ? {} : { secret }) }),
        (error) =>
          isClusterError(error, "INVALID_ARGUMENT") &&
          want.test(error.message) &&
          !/hunter2/i.test(`${error.message} ${JSON.stringify(error.cause ?? "")}`),
        name,
      );
    }
  });

  it("say which secret a template misses", () => {
    assert.throws(
      () => plan({ data: '{{secret "other"}}' }),
      (error) => isClusterError(error, "INVALID_ARGUMENT") && /"other"/.test(error.message),
    );
  });
});
