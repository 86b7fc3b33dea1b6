import assert from "node:assert/strict";
import dns2 from "dns2";
import fc from "fast-check";
import { must } from "../../../src/base/assert.ts";
import { shortestTtlSeconds } from "../../../src/dns/handlers/cache.ts";
import { resolveLocally } from "../../../src/dns/handlers/resolve.ts";
import { isInternalOnly } from "../../../src/dns/records.ts";
import {
  isResponseTo,
  isTruncated,
  readQuery,
  responseCodeOf,
  withId,
  writeError,
  writeFormatError,
} from "../../../src/dns/wire.ts";
import { buildZone, type Zone, type ZoneInput } from "../../../src/dns/zone.ts";

const types = { A: 1, PTR: 12, MX: 15, AAAA: 28 } as const;

function queryPacket(name: string, type: number, qclass = 1): Buffer {
  const packet = new dns2.Packet();
  packet.header = new dns2.Packet.Header({ id: 4242, rd: 1 });
  packet.questions = [new dns2.Packet.Question({ name, type, class: qclass })];
  return packet.toBuffer();
}

const web = { id: "n1", name: "front", internal: false, subnet: "10.0.1.0/24" };
const task = (slot: number, serving = true) => ({
  networkId: "n1",
  taskId: `t${slot}`,
  taskName: `Web.${slot}.x`,
  serviceId: "s1",
  serviceName: "Web",
  address: `10.0.1.${10 + slot}/24`,
  aliases: [] as string[],
  serving,
});
const input: ZoneInput = {
  attachments: [{ networkId: "n1", address: "10.0.1.50/24", aliases: ["me"] }],
  networks: [web, { id: "n2", name: "back", internal: true, subnet: "10.0.2.0/24" }],
  endpoints: [
    task(1),
    task(2),
    task(3, false),
    { ...task(4), networkId: "n2", address: "10.0.2.9/24", taskName: "hidden.1.x" },
    { ...task(5), serviceId: "s2", taskName: "rr.1.x", aliases: ["pet"] },
    { ...task(6), serviceId: "s2", taskName: "rr.2.x" },
  ],
  services: [
    {
      id: "s1",
      name: "Web",
      mode: "vip",
      virtualIps: [{ networkId: "n1", address: "10.0.1.2/24" }],
      aliases: [{ networkId: "n1", names: ["www"] }],
    },
    { id: "s2", name: "rr", mode: "dnsrr", virtualIps: [], aliases: [] },
    {
      id: "s3",
      name: "elsewhere",
      mode: "vip",
      virtualIps: [{ networkId: "n2", address: "10.0.2.2/24" }],
      aliases: [],
    },
    {
      id: "s4",
      name: "idle",
      mode: "vip",
      virtualIps: [{ networkId: "n1", address: "10.0.1.3/24" }],
      aliases: [],
    },
  ],
  ownNames: ["0123456789ab"],
};

function ask(zone: Zone, name: string, type: number, turn = 0, qclass = 1, bytesMax = 512) {
  const query = must(readQuery(queryPacket(name, type, qclass)), "query");
  const found = resolveLocally(query, zone, turn, bytesMax);
  if (found === undefined) return "outside";
  const { header, answers } = dns2.Packet.parse(found.packet);
  assert.equal(header.id, 4242);
  assert.equal(header.qr, 1);
  const records = answers.map((answer) => {
    const { address, domain } = answer as { address?: string; domain?: string };
    return address ?? domain;
  });
  return [header.rcode, ...records];
}

describe("resolveLocally", () => {
  const zone = buildZone(input);
  const cases: {
    name: string;
    given: [string, number, turn?: number, qclass?: number];
    want: unknown;
  }[] = [
    { name: "a service by its VIP", given: ["web", types.A], want: [0, "10.0.1.2"] },
    { name: "in any case", given: ["wEB", types.A], want: [0, "10.0.1.2"] },
    { name: "with the network's name", given: ["web.front", types.A], want: [0, "10.0.1.2"] },
    { name: "a service's alias", given: ["www", types.A], want: [0, "10.0.1.2"] },
    { name: "serving tasks", given: ["tasks.web", types.A], want: [0, "10.0.1.11", "10.0.1.12"] },
    { name: "dnsrr", given: ["rr", types.A], want: [0, "10.0.1.15", "10.0.1.16"] },
    { name: "dnsrr, rotated", given: ["rr", types.A, 1], want: [0, "10.0.1.16", "10.0.1.15"] },
    { name: "a task by its name", given: ["web.3.x", types.A], want: [0, "10.0.1.13"] },
    { name: "a task's alias", given: ["pet", types.A], want: [0, "10.0.1.15"] },
    { name: "itself", given: ["0123456789ab", types.A], want: [0, "10.0.1.50"] },
    { name: "its own alias", given: ["me", types.A], want: [0, "10.0.1.50"] },
    { name: "no IPv6 address, but the name", given: ["web", types.AAAA], want: [0] },
    { name: "no mail server either", given: ["web", types.MX], want: [0] },
    { name: "no serving task", given: ["tasks.idle", types.A], want: [0] },
    { name: "another network's service", given: ["elsewhere", types.A], want: [3] },
    {
      name: "another network's task, never outside",
      given: ["hidden.1.x.front", types.A],
      want: [3],
    },
    { name: "an unknown single name", given: ["gone", types.A], want: [3] },
    { name: "an unknown service's tasks", given: ["tasks.gone", types.A], want: [3] },
    { name: "outside names", given: ["example.com", types.A], want: "outside" },
    { name: "a VIP's name", given: ["2.1.0.10.in-addr.arpa", types.PTR], want: [0, "web.front"] },
    {
      name: "a task's name",
      given: ["12.1.0.10.in-addr.arpa", types.PTR],
      want: [0, "web.2.x.front"],
    },
    { name: "a free address of ours", given: ["99.1.0.10.in-addr.arpa", types.PTR], want: [3] },
    { name: "another's address", given: ["1.2.0.192.in-addr.arpa", types.PTR], want: "outside" },
    { name: "another class", given: ["web", types.A, 0, 3], want: [5] },
  ];
  for (const { name, given, want } of cases) {
    it(name, () => assert.deepEqual(ask(zone, ...given), want));
  }

  it("sends nothing outside from internal networks alone", () => {
    const attachments = [{ networkId: "n2", address: "10.0.2.50/24" }];
    const internal = buildZone({ ...input, attachments });
    assert.ok(isInternalOnly(internal));
    assert.deepEqual(ask(internal, "example.com", types.A), [3]);
    const both = buildZone({ ...input, attachments: [...attachments, ...input.attachments] });
    assert.equal(ask(both, "example.com", types.A), "outside");
  });

  it("marks an answer that does not fit as cut", () => {
    const endpoints = Array.from({ length: 100 }, (_, index) => task(index));
    const full = buildZone({ ...input, endpoints });
    const query = must(readQuery(queryPacket("tasks.web", types.A)), "query");
    const small = must(resolveLocally(query, full, 0, 512), "answer").packet;
    assert.ok(isTruncated(small) && small.length <= 512);
    assert.equal(ask(full, "tasks.web", types.A, 0, 1, 65_535).length, 101);
  });
});

describe("packets", () => {
  const good = queryPacket("a.example", types.A);
  const bytes = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array));
  // Random bytes seldom get past the header: most of these begin as a good query does.
  const nearly = fc
    .tuple(bytes, fc.nat({ max: good.length }), fc.nat({ max: 40 }), fc.nat({ max: 255 }))
    .map(([tail, keep, at, value]) => {
      const packet = Buffer.concat([good.subarray(0, keep), tail]);
      if (at < packet.length) packet[at] = value;
      return packet;
    });

  it("reads any bytes without throwing, and answers what it could read", () => {
    const zone = buildZone(input);
    fc.assert(
      fc.property(fc.oneof(bytes, nearly), (packet) => {
        const query = readQuery(packet);
        shortestTtlSeconds(packet);
        if (query === undefined) {
          writeFormatError(packet);
          return;
        }
        const answer = resolveLocally(query, zone, 0, query.udpBytes);
        const written = answer?.packet ?? writeError(query, 2);
        assert.ok(
          isResponseTo(written, query.id, written.subarray(12, 12 + query.question.length)),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  const broken: { name: string; given: Buffer }[] = [
    { name: "nothing", given: Buffer.alloc(0) },
    { name: "a header only", given: good.subarray(0, 12) },
    { name: "a cut name", given: good.subarray(0, 15) },
    { name: "no type", given: good.subarray(0, good.length - 3) },
    { name: "a response", given: writeError(must(readQuery(good), "query"), 0) },
    {
      name: "a pointer as the name",
      given: Buffer.concat([good.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    },
    { name: "two questions", given: patched(good, 5, 2) },
    { name: "a label above 63 bytes", given: patched(good, 12, 64) },
    { name: "a dot in a label", given: patched(good, 15, 0x2e) },
  ];
  for (const { name, given } of broken) {
    it(`does not read ${name}`, () => assert.equal(readQuery(given), undefined));
  }

  it("takes a response for its own question and id only", () => {
    const query = must(readQuery(good), "query");
    const response = writeError(query, 0);
    assert.ok(isResponseTo(response, 4242, query.question));
    assert.equal(isResponseTo(response, 4243, query.question), false);
    assert.equal(isResponseTo(good, 4242, query.question), false);
    const other = must(readQuery(queryPacket("A.example", types.A)), "query");
    assert.equal(isResponseTo(response, 4242, other.question), false);
    assert.equal(withId(response, 7).readUInt16BE(0), 7);
    assert.equal(responseCodeOf(writeError(query, 5)), 5);
  });

  it("knows how large an answer the asker takes", () => {
    assert.equal(readQuery(good)?.udpBytes, 512);
    const opt = Buffer.from([0, 0, 41, 0x05, 0x00, 0, 0, 0, 0, 0, 0]);
    const withOpt = patched(Buffer.concat([good, opt]), 11, 1);
    assert.equal(readQuery(withOpt)?.udpBytes, 1280);
  });
});

function patched(packet: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(packet);
  copy[at] = value;
  return copy;
}
