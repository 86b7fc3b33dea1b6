// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of compose files look like this
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseDotenv } from "../../../../src/cli/compose/dotenv.ts";
import { parseShortPort } from "../../../../src/cli/compose/short-ports.ts";
import { parseShortVolume } from "../../../../src/cli/compose/short-volumes.ts";
import { substitute } from "../../../../src/cli/compose/substitute.ts";
import { formatDuration } from "../../../../src/cli/compose/units.ts";
import { shellWords } from "../../../../src/cli/compose/words.ts";
import { parseDuration } from "../../../../src/cli/values.ts";

describe("variables in compose files", () => {
  const variables = (name: string): string | undefined =>
    ({ SET: "value", EMPTY: "", OTHER: "o" })[name];
  const table: { given: string; want: string | RegExp }[] = [
    { given: "plain", want: "plain" },
    { given: "$SET and ${SET}", want: "value and value" },
    { given: "$$SET $${SET}", want: "$SET ${SET}" },
    { given: "${NONE}", want: "" },
    { given: "${NONE-d} ${NONE:-d}", want: "d d" },
    { given: "${EMPTY-d} ${EMPTY:-d}", want: " d" },
    { given: "${SET-d} ${SET:-d}", want: "value value" },
    { given: "${NONE+w}${NONE:+w}${EMPTY+a}${EMPTY:+b}${SET+c}${SET:+d}", want: "acd" },
    { given: "${NONE:-${OTHER}}", want: "o" },
    { given: "${NONE:-a${NONE2:-b${SET}}c}", want: "abvaluec" },
    { given: "${NONE:-}", want: "" },
    { given: "${NONE:-a$$b}", want: "a$b" },
    { given: "${SET?no}", want: "value" },
    { given: "${EMPTY?no}", want: "" },
    { given: "${NONE?give it}", want: /required variable NONE is missing a value: give it$/ },
    { given: "${EMPTY:?give it}", want: /required variable EMPTY is missing a value: give it$/ },
    { given: "${NONE:?}", want: /required variable NONE is missing a value$/ },
    { given: "${SET:-${NONE?never asked}}", want: "value" },
    { given: "${NONE?because ${SET}}", want: /: because value$/ },
    { given: "${SET", want: /not a valid use of \$/ },
    { given: "${NONE:-a", want: /lacks a \}/ },
    { given: "${1A}", want: /not a valid use of \$/ },
    { given: "costs 5$", want: /not a valid use of \$/ },
    { given: "${SET!x}", want: /not a valid use of \$/ },
  ];
  for (const { given, want } of table) {
    it(JSON.stringify(given), () => {
      if (typeof want === "string") assert.equal(substitute(given, variables), want);
      else assert.throws(() => substitute(given, variables), want);
    });
  }

  it("tells of variables that are not set, not of those with defaults", () => {
    const unset: string[] = [];
    substitute(
      "$A ${B} ${C-1} ${D+$E} ${F-$G}",
      () => undefined,
      (name) => unset.push(name),
    );
    assert.deepEqual(unset, ["A", "B", "G"]);
  });

  it("gives back any text whose dollars are doubled", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(
          substitute(text.replaceAll("$", "$$$$"), () => undefined),
          text,
        );
      }),
    );
  });
});

describe("env files", () => {
  const text = [
    "# comment",
    "A=1",
    "export B = two words # comment",
    "C='single $A # kept'",
    'D="double $A\\n${B}" # comment',
    "E=",
    "F",
    "G=a#b",
    'H="over',
    'two lines"',
    "I=${A}${OUTER}",
    "",
    "J.K-L=1",
    'M="say \\"hi\\" \\$A"',
  ].join("\n");

  it("are read as the Compose specification says", () => {
    const { assignments, problems } = parseDotenv(text, (name) =>
      name === "OUTER" ? "outer" : undefined,
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(
      assignments.map(({ name, value }) => [name, value]),
      [
        ["A", "1"],
        ["B", "two words"],
        ["C", "single $A # kept"],
        ["D", "double 1\ntwo words"],
        ["E", ""],
        ["F", undefined],
        ["G", "a#b"],
        ["H", "over\ntwo lines"],
        ["I", "1outer"],
        ["J.K-L", "1"],
        ["M", 'say "hi" $A'],
      ],
    );
  });

  it("tell of lines that say nothing", () => {
    const { problems } = parseDotenv("A=1\n=x\nB=2\n$$$\nC=${", () => undefined);
    assert.deepEqual(
      problems.map(({ line }) => line),
      [2, 4, 5],
    );
  });

  it("with Windows line ends and a byte order mark", () => {
    const { assignments } = parseDotenv("\uFEFFA=1\r\nB=2\r\n", () => undefined);
    assert.deepEqual(
      assignments.map(({ name, value }) => `${name}=${value}`),
      ["A=1", "B=2"],
    );
  });

  it("never throw", () => {
    fc.assert(fc.property(fc.string(), (any) => void parseDotenv(any, () => undefined)));
  });
});

describe("shell words", () => {
  const table: { given: string; want: string[] | undefined }[] = [
    { given: "", want: [] },
    { given: "  a  b\tc\n", want: ["a", "b", "c"] },
    { given: `sh -c "echo 'a  b'"`, want: ["sh", "-c", "echo 'a  b'"] },
    { given: `'a "b" \\c' d`, want: [`a "b" \\c`, "d"] },
    { given: `a\\ b "c\\"d" "e\\f"`, want: ["a b", `c"d`, "e\\f"] },
    { given: `x""y '' ""`, want: ["xy", "", ""] },
    { given: `--a="b c"`, want: ["--a=b c"] },
    { given: `"open`, want: undefined },
    { given: `it's`, want: undefined },
  ];
  for (const { given, want } of table) {
    it(JSON.stringify(given), () => assert.deepEqual(shellWords(given), want));
  }

  it("give back words that were quoted", () => {
    const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        assert.deepEqual(shellWords(words.map(quoted).join(" ")), words);
      }),
    );
  });
});

describe("durations", () => {
  const table: [text: string, want: string][] = [
    ["0", "0s"],
    ["90s", "1m30s"],
    ["1500ms", "1.5s"],
    ["1m", "1m0s"],
    ["1h", "1h0m0s"],
    ["2h3s", "2h0m3s"],
    ["20us", "20µs"],
    ["5ns", "5ns"],
    ["250ms", "250ms"],
  ];
  for (const [text, want] of table) {
    it(text, () => assert.equal(formatDuration(parseDuration("x", text)), want));
  }

  it("are the same after being printed and read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e15 }), (nanos) => {
        assert.equal(parseDuration("x", formatDuration(nanos)), nanos);
      }),
    );
  });
});

describe("short ports", () => {
  const table: { given: string; want: string | RegExp }[] = [
    { given: "80", want: ">80/tcp" },
    { given: "8080:80", want: "8080>80/tcp" },
    { given: "53:53/udp", want: "53>53/udp" },
    { given: "53:53/UDP", want: "53>53/udp" },
    { given: "3000-3002", want: ">3000/tcp >3001/tcp >3002/tcp" },
    { given: "90-91:80-81", want: "90>80/tcp 91>81/tcp" },
    { given: "90-91:80", want: "90>80/tcp 91>80/tcp" },
    { given: "127.0.0.1:81:82", want: "127.0.0.1 81>82/tcp" },
    { given: "127.0.0.1::82", want: "127.0.0.1 >82/tcp" },
    { given: "[::1]:81:82", want: "::1 81>82/tcp" },
    { given: "", want: /must be/ },
    { given: "x", want: /must be/ },
    { given: "1:2:3:4", want: /must be/ },
    { given: "80/icmp", want: /tcp, udp or sctp/ },
    { given: "70000:80", want: /1 to 65535/ },
    { given: "80:0", want: /1 to 65535/ },
    { given: "90-91:80-83", want: /same length/ },
    { given: "91-90:80", want: /must not end before/ },
  ];
  for (const { given, want } of table) {
    it(JSON.stringify(given), () => {
      const ports = parseShortPort(given);
      const shown =
        typeof ports === "string"
          ? ports
          : ports
              .map(({ host_ip, published, target, protocol }) =>
                [
                  ...(host_ip === undefined ? [] : [host_ip]),
                  `${published ?? ""}>${target}/${protocol}`,
                ].join(" "),
              )
              .join(" ");
      if (typeof want === "string") assert.equal(shown, want);
      else assert.match(typeof ports === "string" ? ports : "no error", want);
    });
  }
});

describe("short volumes", () => {
  const table: { given: string; want: object | RegExp }[] = [
    { given: "/data", want: { type: "volume", target: "/data" } },
    { given: "a:/b", want: { type: "volume", source: "a", target: "/b" } },
    { given: "a:/b:ro", want: { type: "volume", source: "a", target: "/b", read_only: true } },
    { given: "./a:/b", want: { type: "bind", source: "./a", target: "/b" } },
    { given: "~/a:/b:rw,z", want: { type: "bind", source: "~/a", target: "/b" } },
    {
      given: "/a:/b:ro,rslave",
      want: {
        type: "bind",
        source: "/a",
        target: "/b",
        read_only: true,
        bind: { propagation: "rslave" },
      },
    },
    {
      given: "a:/b:nocopy",
      want: { type: "volume", source: "a", target: "/b", volume: { nocopy: true } },
    },
    { given: "", want: /must be \[source:\]target/ },
    { given: "data", want: /must be absolute/ },
    { given: "a:b", want: /must be absolute/ },
    { given: "a:/b:ro:x", want: /must be \[source:\]target/ },
    { given: "a:/b:readonly", want: /"readonly" is not an option/ },
  ];
  for (const { given, want } of table) {
    it(JSON.stringify(given), () => {
      const volume = parseShortVolume(given);
      if (want instanceof RegExp) assert.match(String(volume), want);
      else assert.deepEqual(volume, want);
    });
  }
});
