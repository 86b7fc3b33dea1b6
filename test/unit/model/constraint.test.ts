import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesConstraints, parseConstraint } from "../../../src/model/constraint.ts";
import { aNode } from "../../support/builders.ts";

const node = aNode({
  id: "abc",
  role: "MANAGER",
  spec: { annotations: { labels: { zone: "A", "com.x/y": "1" } } },
  description: {
    hostname: "Host1",
    platform: { architecture: "x86_64", os: "linux" },
    engine: { labels: { disk: "ssd" } },
  },
  status: { state: "READY_NODE", addr: "10.1.2.3" },
});

describe("placement constraints", () => {
  const cases: { text: string; want: boolean }[] = [
    { text: "node.id==abc", want: true },
    { text: "node.id == ABC", want: true },
    { text: "node.id!=abc", want: false },
    { text: "node.hostname==host1", want: true },
    { text: "node.role==manager", want: true },
    { text: "NODE.ROLE != worker", want: true },
    { text: "node.ip==10.1.2.3", want: true },
    { text: "node.ip==10.1.0.0/16", want: true },
    { text: "node.ip!=10.1.0.0/16", want: false },
    { text: "node.ip==fd00::1", want: false },
    { text: "node.platform.os==linux", want: true },
    { text: "node.platform.arch==amd64", want: true },
    { text: "node.platform.arch==x86_64", want: true },
    { text: "node.platform.arch==arm64", want: false },
    { text: "node.labels.zone==a", want: true },
    { text: "node.labels.Zone==a", want: false },
    { text: "node.labels.com.x/y==1", want: true },
    { text: "node.labels.absent==a", want: false },
    { text: "node.labels.absent!=a", want: true },
    { text: "node.labels.constructor!=a", want: true },
    { text: "engine.labels.disk==ssd", want: true },
    { text: "engine.labels.disk==hdd", want: false },
  ];
  for (const { text, want } of cases) {
    it(`${text} is ${want}`, () => {
      assert.equal(matchesConstraints([parseConstraint(text)], node), want);
    });
  }

  const refused = [
    "",
    "node.id",
    "node.id=abc",
    "node.id==",
    "==abc",
    "node.id===a",
    "node.foo==a",
    "zone==a",
    "node.labels.==a",
    "node.labels.a b==c",
    "node.ip==banana",
    "node.ip==10.0.0.0/40",
  ];
  for (const text of refused) {
    it(`refuses "${text}"`, () => {
      assert.throws(() => parseConstraint(text), { code: "INVALID_ARGUMENT" });
    });
  }

  it("reads back what it is made of, whatever the white space", () => {
    const label = fc.stringMatching(/^[a-z][a-zA-Z0-9_.-]{0,10}$/);
    const value = fc.stringMatching(/^[a-zA-Z0-9_]([a-zA-Z0-9 _:.-]{0,8}[a-zA-Z0-9])?$/);
    const space = fc.stringMatching(/^ {0,2}$/);
    const operator = fc.constantFrom("==", "!=");
    fc.assert(
      fc.property(label, operator, value, space, (key, sign, text, gap) => {
        const read = parseConstraint(`${gap}node.labels.${key}${gap}${sign}${gap}${text}${gap}`);
        assert.deepEqual(read, {
          attribute: "node.labels",
          label: key,
          operator: sign,
          value: text,
        });
      }),
    );
  });

  it("never fails otherwise than with INVALID_ARGUMENT", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          matchesConstraints([parseConstraint(`node.ip${text}`)], node);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "INVALID_ARGUMENT");
        }
      }),
    );
  });
});
