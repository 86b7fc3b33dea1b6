import assert from "node:assert/strict";
import fc from "fast-check";
import { signalNumber } from "../../../src/model/signal.ts";
import { conmonArgs, parseSyncMessage, runtimeReason } from "../../../src/runtime/conmon.ts";
import { FolderLayout, validateContainerId } from "../../../src/runtime/folder-layout.ts";
import { parseLimits } from "../../../src/runtime/host-facts.ts";
import { LineSplitter, parseLogLine, parseLogTime } from "../../../src/runtime/log-parser.ts";
import { isWanted } from "../../../src/runtime/log-reader.ts";
import { parseProcStat } from "../../../src/runtime/process-info.ts";
import { overlayOptions } from "../../../src/runtime/rootfs.ts";
import { parseBlockIo, parseNetDev, readStats } from "../../../src/runtime/stats.ts";
import { parseProcess } from "../../../src/runtime/top.ts";

describe("log lines", () => {
  const time = "2026-11-21T06:57:14.797810109+00:00";
  const atMs = Date.UTC(2026, 10, 21, 6, 57, 14, 797);
  const table = [
    { name: "a full line", line: `${time} stdout F hi`, want: ["stdout", "hi\n"] },
    { name: "a part of a line", line: `${time} stderr P hi`, want: ["stderr", "hi"] },
    { name: "an empty line", line: `${time} stdout F `, want: ["stdout", "\n"] },
    { name: "spaces are kept", line: `${time} stdout F  a  b `, want: ["stdout", " a  b \n"] },
    { name: "no time", line: "yesterday stdout F hi", want: undefined },
    { name: "no such stream", line: `${time} stdlog F hi`, want: undefined },
    { name: "cut short", line: time, want: undefined },
  ];
  for (const { name, line, want } of table) {
    it(name, () => {
      const got = parseLogLine(Buffer.from(line));
      const text = got === undefined ? undefined : [got.stream, Buffer.from(got.data).toString()];
      assert.deepEqual(text, want);
      if (got !== undefined) assert.deepEqual([got.atMs, got.nanos], [atMs, 797810109]);
    });
  }

  it("reads other time zones and fewer digits", () => {
    assert.deepEqual(parseLogTime("1970-01-01T02:00:00.5+02:00"), {
      atMs: 500,
      nanos: 500_000_000,
    });
    assert.equal(parseLogTime("1970-01-01"), undefined);
  });

  it("splits the same wherever the chunks end", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), (chunks) => {
        const splitter = new LineSplitter();
        const lines = chunks.flatMap((chunk) => splitter.push(chunk));
        const whole = new LineSplitter().push(Buffer.concat(chunks));
        assert.deepEqual(lines, whole);
      }),
    );
  });

  it("picks streams and times", () => {
    const entry = { atMs: 5, nanos: 0, stream: "stderr", data: Buffer.of() } as const;
    const wanted = [{}, { stderr: true }, { stdout: true }, { sinceMs: 5 }, { sinceMs: 6 }];
    assert.deepEqual(
      wanted.map((options) => isWanted(entry, options)),
      [true, true, false, true, false],
    );
  });
});

describe("what conmon and the kernel say", () => {
  it("reads conmon's answer", () => {
    const failure = { data: -1, message: 'time="x" level=error msg="no \\"y\\" here"' };
    assert.deepEqual(parseSyncMessage('{"data": 42}\n'), { pid: 42, message: runtimeReason("") });
    assert.deepEqual(parseSyncMessage(JSON.stringify(failure)), {
      pid: -1,
      message: 'no "y" here',
    });
    assert.equal(parseSyncMessage("junk").pid, -1);
  });

  it("tells conmon where the container's things are", () => {
    const folders = new FolderLayout("/d", "/e").container("c1");
    const args = conmonArgs({
      conmonPath: "conmon",
      runcPath: "/runc",
      runcRoot: "/e/runc",
      exitsFolder: "/e/exits",
      id: "c1",
      name: "web",
      folders,
      tty: true,
      keepStdinOpen: false,
      openStdin: false,
      logMaxBytes: 99,
    }).join(" ");
    for (const part of [
      "--bundle /e/containers/c1",
      "--exit-dir /e/exits",
      "k8s-file:/d/containers/c1/container.log",
      "--log-size-max 99",
      "--terminal",
    ]) {
      assert.ok(args.includes(part), part);
    }
    assert.ok(!args.includes("--stdin"));
  });

  it("reads /proc/PID/stat whatever the command is called", () => {
    const rest = Array.from({ length: 40 }, (_, index) => String(index + 4)).join(" ");
    assert.deepEqual(parseProcStat(`7 (a) S) b) R ${rest}`), { state: "R", startTicks: "22" });
    assert.equal(parseProcStat(""), undefined);
    const row = parseProcess(
      7,
      `7 (sleep) S ${rest}`,
      "Uid:\t5\t5\nVmRSS:\t   12 kB",
      "sleep\x001\0",
    );
    assert.deepEqual(
      [row.parentPid, row.uid, row.cpuMs, row.residentBytes, row.command],
      [4, 5, (14 + 15) * 10, 12 * 1024, "sleep 1"],
    );
  });

  it("reads limits, signals and ids", () => {
    const text =
      "Max open files            1024                 4096                 files\nMax processes             5                    unlimited            processes\n";
    assert.deepEqual(parseLimits(text), { RLIMIT_NOFILE: 4096, RLIMIT_NPROC: -1 });
    assert.deepEqual(["SIGTERM", "kill", "10", "SIGRTMIN+3"].map(signalNumber), [15, 9, 10, 37]);
    for (const bad of ["", "SIGNOPE", "0", "65", "RTMIN-1"]) assert.throws(() => signalNumber(bad));
    for (const bad of ["", "../x", "A", "a/b", "a".repeat(65)])
      assert.throws(() => validateContainerId(bad));
  });

  it("builds overlay options within one page, of paths the kernel reads right", () => {
    assert.equal(overlayOptions(["/b", "/a"], "/u", "/w"), "lowerdir=/b:/a,upperdir=/u,workdir=/w");
    assert.throws(() => overlayOptions(["/a:b"], "/u", "/w"), /must not contain/);
    assert.throws(
      () => overlayOptions(Array(200).fill("/layers/0123456789abcdef"), "/u", "/w"),
      /too many/,
    );
  });
});

describe("statistics", () => {
  const recorded = (files: Record<string, string>) => async (controller: string, file: string) =>
    files[`${controller}/${file}`] ?? "";

  it("of cgroup v1", async () => {
    const read = recorded({
      "memory/memory.usage_in_bytes": "5000\n",
      "memory/memory.stat": "cache 7\ntotal_cache 900\ntotal_inactive_file 1000\n",
      "memory/memory.limit_in_bytes": "9223372036854771712\n",
      "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
      "cpuacct/cpuacct.usage": "123456\n",
      "cpuacct/cpuacct.stat": "user 3\nsystem 4\n",
      "cpu/cpu.stat": "nr_periods 5\nnr_throttled 2\nthrottled_time 99\n",
      "pids/pids.current": "3\n",
      "pids/pids.max": "max\n",
      "blkio/blkio.throttle.io_service_bytes":
        "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\n8:16 Read 1\n",
    });
    const { networks, ...got } = await readStats("hybrid", read, 0, 77);
    assert.deepEqual(networks, {});
    assert.deepEqual(got, {
      readAtMs: 77,
      cpuNanos: 123456,
      cpuUserNanos: 3e7,
      cpuSystemNanos: 4e7,
      memoryBytes: 4000,
      memoryLimitBytes: 0,
      memoryCacheBytes: 900,
      pids: 3,
      pidsLimit: 0,
      blockReadBytes: 11,
      blockWriteBytes: 20,
      throttledPeriods: 2,
      throttledNanos: 99,
      oomKills: 2,
    });
  });

  it("of cgroup v2", async () => {
    const read = recorded({
      "memory/memory.current": "5000\n",
      "memory/memory.stat": "anon 1\nfile 900\ninactive_file 1000\n",
      "memory/memory.max": "6000\n",
      "memory/memory.events": "low 0\noom 1\noom_kill 1\n",
      "cpu/cpu.stat":
        "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_throttled 1\nthrottled_usec 4\n",
      "pids/pids.current": "3\n",
      "pids/pids.max": "10\n",
      "blkio/io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
    });
    const got = await readStats("v2", read, 0, 0);
    assert.deepEqual(
      [
        got.memoryBytes,
        got.memoryLimitBytes,
        got.cpuNanos,
        got.throttledNanos,
        got.oomKills,
        got.pidsLimit,
        got.blockWriteBytes,
      ],
      [4000, 6000, 5000, 4000, 1, 10, 20],
    );
  });

  it("of interfaces and disks", () => {
    const text =
      "Inter-|   Receive  |  Transmit\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0:10 2 0 0 0 0 0 0 30 4 0 0 0 0 0 0\n";
    assert.deepEqual(parseNetDev(text), {
      eth0: { receivedBytes: 10, receivedPackets: 2, sentBytes: 30, sentPackets: 4 },
    });
    assert.deepEqual(parseBlockIo(""), { read: 0, write: 0 });
  });
});
