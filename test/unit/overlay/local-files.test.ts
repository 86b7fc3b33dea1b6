import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../../src/base/log.ts";
import { LocalStore } from "../../../src/overlay/local/local-store.ts";
import {
  hostsText,
  needsResolver,
  readResolvConf,
  resolvConfText,
} from "../../../src/overlay/local/resolver-files.ts";
import { aLocalNetwork, aLocalSandbox } from "../../support/local-network-builders.ts";

const host = readResolvConf(
  "# c\nnameserver 10.0.0.53\nnameserver  10.0.0.54\ndomain a.example\nsearch b.example c.example\noptions ndots:2 rotate\n",
);
const none = { dns: [], dnsSearch: [], dnsOptions: [] };

describe("resolv.conf of a container", () => {
  it("is read from the host's", () => {
    assert.deepEqual(host, {
      servers: ["10.0.0.53", "10.0.0.54"],
      search: ["b.example", "c.example"],
      options: ["ndots:2", "rotate"],
    });
    assert.deepEqual(readResolvConf(""), { servers: [], search: [], options: [] });
  });
  const rows = [
    {
      name: "is the host's on the default network",
      given: { resolver: false, wishes: none },
      want: "nameserver 10.0.0.53\nnameserver 10.0.0.54\nsearch b.example c.example\noptions ndots:2 rotate\n",
    },
    {
      name: "takes what is asked for",
      given: {
        resolver: false,
        wishes: { dns: ["1.1.1.1"], dnsSearch: ["."], dnsOptions: ["debug"] },
      },
      want: "nameserver 1.1.1.1\noptions debug\n",
    },
    {
      name: "names the resolver in the sandbox",
      given: { resolver: true, wishes: { ...none, dns: ["1.1.1.1"], dnsOptions: ["debug"] } },
      want: "nameserver 127.0.0.11\nsearch b.example c.example\noptions debug ndots:0\n",
    },
    {
      name: "leaves ndots to who sets it",
      given: { resolver: true, wishes: none },
      want: "nameserver 127.0.0.11\nsearch b.example c.example\noptions ndots:2 rotate\n",
    },
  ];
  for (const { name, given, want } of rows) {
    it(name, () => assert.equal(resolvConfText(given.resolver, given.wishes, host), want));
  }
  it("needs a resolver for names, and for servers on the host's loopback", () => {
    const local = { ...host, servers: ["127.0.0.53"] };
    assert.equal(needsResolver(true, none, host), true);
    assert.equal(needsResolver(false, none, host), false);
    assert.equal(needsResolver(false, none, local), true);
    assert.equal(needsResolver(false, none, { ...host, servers: [] }), true);
    assert.equal(needsResolver(false, { ...none, dns: ["1.1.1.1"] }, local), false);
  });
});

describe("hosts file of a container", () => {
  it("has localhost, what was asked for and the container itself", () => {
    const extra = ["db:10.0.0.9", "gw:host-gateway", "v6:::1", "bad"];
    const text = hostsText("web", [{ address: "172.20.0.2" }], extra, "172.20.0.1");
    assert.match(text, /^127\.0\.0\.1\tlocalhost\n::1\tlocalhost /);
    assert.ok(text.endsWith("10.0.0.9\tdb\n172.20.0.1\tgw\n::1\tv6\n172.20.0.2\tweb\n"));
    const named = hostsText("web.example.com", [{ address: "172.20.0.2" }], [], "172.20.0.1");
    assert.ok(named.endsWith("172.20.0.2\tweb.example.com web\n"));
  });
});

describe("LocalStore", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skep-store-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("gives back what it keeps, and puts damaged files aside", async () => {
    const store = new LocalStore(folder, silentLogger);
    assert.deepEqual(await store.load(), { networks: [], sandboxes: [] });
    const [network, sandbox] = [aLocalNetwork(), aLocalSandbox("n1", "172.20.0.2")];
    await store.saveNetwork(network);
    await store.saveSandbox(sandbox);
    await mkdir(join(folder, "networks"), { recursive: true });
    await writeFile(join(folder, "networks", "bad.json"), "{");
    await writeFile(join(folder, "networks", "n1.json.tmp1-1"), "{");
    assert.deepEqual(await store.load(), { networks: [network], sandboxes: [sandbox] });
    assert.deepEqual((await readdir(join(folder, "networks"))).sort(), [
      "bad.json.damaged",
      "n1.json",
    ]);
    await store.removeNetwork("n1");
    await store.removeSandbox("c1");
    await store.removeSandbox("c1");
    assert.deepEqual(await store.load(), { networks: [], sandboxes: [] });
  });
});
