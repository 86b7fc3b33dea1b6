import assert from "node:assert/strict";
import { buildLocalZone } from "../../../src/dns/local-zone.ts";
import { isInternalOnly } from "../../../src/dns/records.ts";

const id = (letter: string) => letter.repeat(64);
const place = (networkId: string, address: string, ...aliases: string[]) => ({
  ...{ networkId, address, aliases },
});

describe("buildLocalZone", () => {
  const app = { id: "n1", name: "app", internal: false, subnet: "172.20.0.0/16", hasNames: true };
  const back = { id: "n2", name: "back", internal: true, subnet: "172.21.0.0/16", hasNames: true };
  const common = { ...app, id: "n0", name: "bridge", hasNames: false };
  const web = {
    containerId: id("a"),
    name: "web",
    endpoints: [place("n1", "172.20.0.2", "www"), place("n0", "172.17.0.2")],
  };
  const db = {
    containerId: id("b"),
    name: "DB",
    endpoints: [place("n1", "172.20.0.3"), place("n2", "172.21.0.3", "sql")],
  };
  const other = { containerId: id("c"), name: "other", endpoints: [place("n0", "172.17.0.9")] };
  const containers = [web, db, other];
  const networks = [common, app, back];

  it("has names, aliases and short ids of the networks it shares, and no others", () => {
    const zone = buildLocalZone(web, networks, containers);
    const short = "b".repeat(12);
    for (const name of ["db", "db.app", short, `${short}.app`]) {
      assert.deepEqual(zone.names.get(name)?.addresses, ["172.20.0.3"], name);
    }
    assert.deepEqual(zone.names.get("www")?.addresses, ["172.20.0.2"]);
    assert.deepEqual(zone.names.get("web")?.addresses, ["172.20.0.2"]);
    for (const name of ["sql", "db.back", "other", "web.bridge"]) {
      assert.equal(zone.names.has(name), false, name);
    }
    assert.equal(zone.reverse.get("172.20.0.3"), "db.app");
    assert.equal(isInternalOnly(zone), false);
  });
  it("knows the way out that a network without names is", () => {
    const inside = { ...web, endpoints: [place("n2", "172.21.0.7")] };
    assert.equal(isInternalOnly(buildLocalZone(inside, networks, containers)), true);
    const both = { ...web, endpoints: [...inside.endpoints, place("n0", "172.17.0.2")] };
    assert.equal(isInternalOnly(buildLocalZone(both, networks, containers)), false);
  });
  it("gives every address of an alias that several containers have", () => {
    const twin = {
      ...web,
      containerId: id("d"),
      name: "web2",
      endpoints: [place("n1", "172.20.0.4", "www")],
    };
    const zone = buildLocalZone(db, networks, [...containers, twin]);
    assert.deepEqual(zone.names.get("www")?.addresses, ["172.20.0.2", "172.20.0.4"]);
  });
  it("has no names on the default network alone, but a way out", () => {
    const zone = buildLocalZone(other, networks, containers);
    assert.equal(zone.names.size, 0);
    assert.equal(isInternalOnly(zone), false);
  });
});
