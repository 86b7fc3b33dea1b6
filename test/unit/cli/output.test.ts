import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { elapsedInWords } from "../../../src/base/elapsed.ts";
import { checkFormat, formatList } from "../../../src/cli/format/list.ts";
import { formatTable } from "../../../src/cli/format/table.ts";
import { formatBytes, parseTime, shortId } from "../../../src/cli/format/units.ts";
import { type Frame, frames, inTimeOrder, prefixed, timeSeconds } from "../../../src/cli/logs.ts";
import { sourceLabel } from "../../../src/cli/service/logs.ts";
import { filterQuery } from "../../../src/cli/session.ts";
import { taskRows } from "../../../src/cli/tasks.ts";
import type { TaskJson } from "../../../src/rest/wire/task.ts";

const nowMs = Date.parse("2026-01-01T00:10:00Z");

function aTask(more: Partial<TaskJson> = {}): TaskJson {
  return {
    ID: "task1abcdefghijklmnopqrs",
    Version: { Index: 1 },
    CreatedAt: "2026-01-01T00:00:00Z",
    UpdatedAt: "2026-01-01T00:00:00Z",
    Labels: {},
    Spec: { ForceUpdate: 0, ContainerSpec: { Image: "img:1@sha256:abc" } },
    ServiceID: "svc1",
    Slot: 1,
    NodeID: "node1",
    Status: { Timestamp: "2026-01-01T00:09:00Z", State: "running", PortStatus: {} },
    DesiredState: "running",
    Volumes: null,
    ...more,
  };
}

const names = {
  services: new Map([
    ["svc1", { name: "web", slotted: true }],
    ["agent1", { name: "agent", slotted: false }],
    ["job1", { name: "job", slotted: true }],
  ]),
  nodes: new Map([["node1", "host-a"]]),
};

describe("tables and units", () => {
  it("lines up columns three blanks apart", () => {
    assert.equal(
      formatTable(
        ["ID", "NAME", "X"],
        [
          ["longer", "a", "1"],
          ["b", "", ""],
        ],
      ),
      "ID       NAME   X\nlonger   a      1\nb",
    );
  });

  const columns = [
    ["ID", "ID"],
    ["NAME", "Name"],
  ] as const;
  const lists: { format: string; want: string }[] = [
    { format: "table", want: "ID   NAME\n1    a\n2    b" },
    { format: "json", want: '{"ID":"1","Name":"a"}\n{"ID":"2","Name":"b"}' },
    { format: "{{.Name}}\\t{{ .ID }}", want: "a\t1\nb\t2" },
    { format: "{{json .}}", want: '{"ID":"1","Name":"a"}\n{"ID":"2","Name":"b"}' },
  ];
  for (const { format, want } of lists) {
    it(`lists as ${format}`, () => {
      assert.equal(
        formatList(
          columns,
          [
            ["1", "a"],
            ["2", "b"],
          ],
          format,
        ),
        want,
      );
    });
  }
  it("checks a format before there is anything to list", () => {
    for (const format of ["table", "json", "{{.Name}}", "table {{upper .Name}}\\t{{.ID}}"]) {
      assert.doesNotThrow(() => checkFormat(format), format);
    }
    for (const format of ["yaml", "table Name", "{{.Name", "{{nosuch .Name}}"]) {
      assert.throws(() => checkFormat(format), /--format/, format);
    }
  });

  it("picks one label, under the end of its key", () => {
    const labelled = [...columns, ["LABELS", "Labels", "hidden"]] as const;
    const rows = [
      ["1", "a", "com.x.the-tier=front,tier=back"],
      ["2", "b", ""],
    ];
    assert.equal(
      formatList(labelled, rows, 'table {{.Name}}\\t{{.Label "com.x.the-tier"}}'),
      "NAME   the tier\na      front\nb",
    );
    assert.equal(formatList(labelled, rows, '{{.Label "tier"}}'), "back\n");
  });

  it("names the fields when one is not known", () => {
    assert.equal(
      formatList(
        columns,
        [
          ["1", "a"],
          ["22", "b"],
        ],
        "table {{.Name}}\\t{{upper .ID}}",
      ),
      "NAME   ID\na      1\nb      22",
    );
    assert.throws(() => formatList(columns, [["1", "a"]], "{{.Color}}"), /\.ID \.Name/);
    assert.throws(() => formatList(columns, [], "yaml"), /--format/);
  });

  const elapsed: [number, string][] = [
    [0, "Less than a second"],
    [1000, "1 second"],
    [59_000, "59 seconds"],
    [60_000, "About a minute"],
    [180_000, "3 minutes"],
    [3_600_000, "About an hour"],
    [7_200_000, "2 hours"],
    [86_400_000 * 3, "3 days"],
    [86_400_000 * 21, "3 weeks"],
    [86_400_000 * 90, "3 months"],
    [86_400_000 * 365 * 3, "3 years"],
  ];
  for (const [ms, want] of elapsed) {
    it(`calls ${ms} ms ${want}`, () => {
      assert.equal(elapsedInWords(ms), want);
    });
  }

  it("shows sizes, times and ids in docker's way", () => {
    assert.deepEqual([0, 999, 1_500_000, 1_234_567_890].map(formatBytes), [
      "0B",
      "999B",
      "1.5MB",
      "1.23GB",
    ]);
    assert.equal(parseTime("0001-01-01T00:00:00Z"), 0);
    assert.equal(parseTime(undefined), 0);
    assert.equal(shortId("sha256:0123456789abcdef"), "0123456789ab");
  });
});

describe("task lists", () => {
  it("puts a slot's newest task first and marks its history", () => {
    const tasks = [
      aTask({ ID: "old1", CreatedAt: "2026-01-01T00:00:00Z", DesiredState: "shutdown" }),
      aTask({ ID: "ten", Slot: 10 }),
      aTask({ ID: "new1", CreatedAt: "2026-01-01T00:05:00Z" }),
      aTask({ ID: "two", Slot: 2 }),
    ];
    const rows = taskRows(tasks, names, nowMs, { trunc: true });
    assert.deepEqual(
      rows.map(([id, name]) => [id, name]),
      [
        ["new1", "web.1"],
        ["old1", " \\_ web.1"],
        ["two", "web.2"],
        ["ten", "web.10"],
      ],
    );
    assert.deepEqual(rows[0]?.slice(2), [
      "img:1",
      "host-a",
      "Running",
      "Running about a minute ago",
      "",
      "",
    ]);
  });

  it("counts the slots of jobs from 0, which the API leaves out", () => {
    const { Slot: _, ...first } = aTask({ ServiceID: "job1" });
    const rows = taskRows([first, aTask({ ID: "b", ServiceID: "job1" })], names, nowMs, {
      trunc: true,
    });
    assert.deepEqual(
      rows.map(([, name]) => name),
      ["job.0", "job.1"],
    );
  });

  it("names tasks of global services by node, and shortens errors", () => {
    const Err = "a very long error that does not fit into its column";
    const { Slot: _, ...global } = aTask({
      ServiceID: "agent1",
      Status: { State: "failed", Err, PortStatus: { Ports: [{ TargetPort: 80 }] } },
    });
    const [row] = taskRows([global], names, nowMs, { trunc: true });
    assert.equal(row?.[1], "agent.node1");
    assert.equal(row?.[6], '"a very long error that does n…"');
    assert.equal(row?.[7], "80/tcp");
    const [whole] = taskRows([global], names, nowMs, { trunc: false });
    assert.equal(whole?.[6], `"${Err}"`);
    assert.equal(whole?.[0], "task1abcdefghijklmnopqrs");
  });
});

describe("logs", () => {
  function frame(stream: number, text: string): Buffer {
    const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  }

  async function read(chunks: Buffer[], raw = false): Promise<[string, string][]> {
    const found: Frame[] = [];
    for await (const one of frames(Readable.from(chunks), raw)) found.push(one);
    return found.map(({ stream, data }) => [stream, data.toString()]);
  }

  it("takes frames apart wherever the chunks break", async () => {
    const bytes = Buffer.concat([frame(1, "out\n"), frame(2, "err\n"), frame(1, "")]);
    const want = [
      ["stdout", "out\n"],
      ["stderr", "err\n"],
      ["stdout", ""],
    ];
    for (let at = 0; at <= bytes.length; at += 1) {
      assert.deepEqual(await read([bytes.subarray(0, at), bytes.subarray(at)]), want);
    }
  });

  it("passes raw bytes on", async () => {
    assert.deepEqual(await read([Buffer.from("a"), Buffer.from("b")], true), [
      ["stdout", "a"],
      ["stdout", "b"],
    ]);
  });

  describe("in order of time", () => {
    const line = (time: string, text = "x") => ({
      stream: "stdout" as const,
      data: Buffer.from(`${time} ${text}`),
    });
    const orderOf = async (lines: AsyncIterable<ReturnType<typeof line>>, bytesMax = 1000) => {
      const seen: string[] = [];
      try {
        for await (const { data } of inTimeOrder(lines, bytesMax)) seen.push(data.toString());
      } catch (error) {
        seen.push(String(error));
      }
      return seen;
    };
    async function* given(...lines: ReturnType<typeof line>[]) {
      yield* lines;
    }
    async function* broken() {
      yield line("2");
      yield line("1");
      throw new Error("gone");
    }

    it("puts lines of several tasks in order, equal times as they came", async () => {
      const lines = given(line("2", "a"), line("3"), line("2", "b"), line("1"));
      assert.deepEqual(await orderOf(lines), ["1 x", "2 a", "2 b", "3 x"]);
    });
    it("holds back no more than its limit", async () => {
      const lines = given(line("2"), line("1"), line("0"));
      assert.deepEqual(await orderOf(lines, 5), ["1 x", "2 x", "0 x"]);
    });
    it("shows what came before a failure", async () => {
      assert.deepEqual(await orderOf(broken()), ["1 x", "2 x", "Error: gone"]);
    });
  });

  it("ends with what the daemon says of its own", async () => {
    const text = "Error grabbing logs: node n2 is not available\n";
    const header = Buffer.from([3, 0, 0, 0, 0, 0, 0, text.length]);
    await assert.rejects(read([header, Buffer.from(text)]), /in stream: .*node n2 is not/);
  });

  const details =
    "com.docker.swarm.node.id=node1,com.docker.swarm.service.id=svc1,com.docker.swarm.task.id=t1";
  const prefix = async (map: ReadonlyMap<string, string>): Promise<string> =>
    map.get("com.docker.swarm.task.id") ?? "?";
  const plain = { timestamps: false, details: false };
  const timed = { timestamps: true, details: false };
  it("shows what a log driver adds only when asked for it", async () => {
    const line = `${details},color=red hi\n`;
    assert.equal(await prefixed(line, plain, prefix), "t1    | hi\n");
    assert.equal(
      await prefixed(line, { ...plain, details: true }, prefix),
      "t1    | color=red hi\n",
    );
  });

  it("shows where a line comes from, after its time", async () => {
    assert.equal(await prefixed(`${details} hello you\n`, plain, prefix), "t1    | hello you\n");
    assert.equal(await prefixed(`T ${details} hi\n`, timed, prefix), "T t1    | hi\n");
    assert.equal(await prefixed("plain text\n", plain, prefix), "plain text\n");
  });

  it("names task and node", () => {
    const map = new Map([
      ["com.docker.swarm.task.id", "task1abcdefghijklmnopqrs"],
      ["com.docker.swarm.node.id", "node1"],
    ]);
    const label = (options: object): string =>
      sourceLabel(map, new Map([[aTask().ID, aTask()]]), names, {
        resolve: true,
        taskIds: true,
        trunc: true,
        ...options,
      });
    assert.equal(label({}), "web.1.task1abcdefg@host-a");
    assert.equal(label({ taskIds: false }), "web.1@host-a");
    assert.equal(label({ trunc: false }), "web.1.task1abcdefghijklmnopqrs@host-a");
  });

  it("reads times and ages", () => {
    assert.equal(timeSeconds("--since", "2026-01-01T00:00:00Z", nowMs), nowMs / 1000 - 600);
    assert.equal(timeSeconds("--since", "10m", nowMs), nowMs / 1000 - 600);
    assert.equal(timeSeconds("--since", "1700000000", nowMs), 1_700_000_000);
    assert.throws(() => timeSeconds("--since", "yesterday", nowMs), /--since/);
  });
});

describe("filters", () => {
  it("collects values by key", () => {
    assert.equal(filterQuery([]), undefined);
    assert.deepEqual(JSON.parse(filterQuery(["label=a=b", "label=c", "name=x"]) ?? ""), {
      label: { "a=b": true, c: true },
      name: { x: true },
    });
  });
});
