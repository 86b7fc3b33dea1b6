import assert from "node:assert/strict";
import {
  type Contexts,
  chooseHost,
  contextOf,
  usingContext,
  withContext,
  withoutContext,
} from "../../../src/cli/contexts.ts";

const none: Contexts = { current: "default", known: {} };
const east = { host: "tcp://10.0.0.1:2375", description: "" };
const one: Contexts = { current: "east", known: { east } };

describe("contexts", () => {
  it("are made, used and forgotten", () => {
    const made = withContext(none, "east", east);
    assert.deepEqual(usingContext(made, "east"), one);
    assert.deepEqual(withoutContext(one, "east", true), none);
    assert.equal(contextOf(one, "default"), undefined);
  });

  const refusals: { name: string; act: () => unknown; want: RegExp }[] = [
    { name: "a taken name", act: () => withContext(one, "east", east), want: /already exists/ },
    {
      name: "the default's name",
      act: () => withContext(one, "default", east),
      want: /not allowed/,
    },
    {
      name: "a strange name",
      act: () => withContext(one, "a/b", east),
      want: /"a\/b" is not allowed/,
    },
    {
      name: "a strange host",
      act: () => withContext(one, "west", { host: "http://x", description: "" }),
      want: /neither unix/,
    },
    {
      name: "a port that there cannot be",
      act: () => withContext(one, "west", { host: "tcp://10.0.0.1:99999", description: "" }),
      want: /99999" is neither unix/,
    },
    {
      name: "an unknown name",
      act: () => usingContext(one, "west"),
      want: /there are default, east/,
    },
    {
      name: "removing the one in use",
      act: () => withoutContext(one, "east", false),
      want: /in use/,
    },
    {
      name: "removing the default",
      act: () => withoutContext(one, "default", true),
      want: /cannot be/,
    },
  ];
  for (const { name, act, want } of refusals) {
    it(`refuse ${name}`, () => assert.throws(act, want));
  }

  const choices: {
    name: string;
    flags?: { host?: string; context?: string };
    env?: Record<string, string>;
    contexts?: Contexts;
    want: string;
  }[] = [
    {
      name: "a host first",
      flags: { host: "unix:///a" },
      env: { SKEP_HOST: "unix:///b" },
      want: "unix:///a",
    },
    {
      name: "a context before the environment",
      flags: { context: "east" },
      env: { SKEP_HOST: "unix:///b" },
      want: east.host,
    },
    {
      name: "the environment before the context in use",
      env: { SKEP_HOST: "unix:///b" },
      want: "unix:///b",
    },
    {
      name: "the environment's context",
      env: { SKEP_CONTEXT: "east" },
      contexts: { ...one, current: "default" },
      want: east.host,
    },
    { name: "the context in use", env: { DOCKER_HOST: "unix:///b" }, want: east.host },
    {
      name: "docker's environment where no context is in use",
      env: { DOCKER_HOST: "unix:///b" },
      contexts: { ...one, current: "default" },
      want: "unix:///b",
    },
    {
      name: "our environment before docker's",
      env: { DOCKER_HOST: "unix:///b", SKEP_HOST: "unix:///a" },
      contexts: { ...one, current: "default" },
      want: "unix:///a",
    },
  ];
  for (const { name, flags = {}, env = {}, contexts = one, want } of choices) {
    it(`choose ${name}`, () =>
      assert.equal(
        chooseHost(flags, env, () => contexts),
        want,
      ));
  }

  it("do not choose between a host and a context", () => {
    assert.throws(
      () => chooseHost({ host: "unix:///a", context: "east" }, {}, () => one),
      /exclude/,
    );
    assert.throws(() => chooseHost({ context: "west" }, {}, () => one), /does not exist/);
  });
});
