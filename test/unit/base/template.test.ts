import { strict as assert } from "node:assert";
import fc from "fast-check";
import { isClusterError } from "../../../src/base/errors.ts";
import { Template } from "../../../src/base/template/template.ts";

const data = {
  ID: "abc123",
  Name: "web",
  Replicas: 3,
  Ready: true,
  Labels: { zone: "a", "com.example/x": "y" },
  Ports: [
    { Published: 80, Target: 8080 },
    { Published: 443, Target: 8443 },
  ],
  Empty: [],
  Nothing: null,
};

describe("template", () => {
  const renders: { name: string; given: string; want: string }[] = [
    { name: "text", given: "plain", want: "plain" },
    { name: "fields", given: "{{.ID}}: {{ .Name }}", want: "abc123: web" },
    { name: "nested fields", given: "{{.Labels.zone}}", want: "a" },
    { name: "trim marks", given: "a  {{- .ID -}}  b", want: "aabc123b" },
    { name: "comments", given: "a{{/* no */}}b", want: "ab" },
    { name: "json of all", given: "{{json .Labels}}", want: '{"zone":"a","com.example/x":"y"}' },
    { name: "json without space", given: "{{json .}}", want: JSON.stringify(data) },
    { name: "if", given: "{{if .Ready}}yes{{else}}no{{end}}", want: "yes" },
    { name: "else if", given: "{{if .Empty}}1{{else if .Ready}}2{{else}}3{{end}}", want: "2" },
    { name: "empty list is false", given: "{{if .Empty}}1{{else}}2{{end}}", want: "2" },
    { name: "with", given: "{{with .Labels}}{{.zone}}{{end}}", want: "a" },
    { name: "with else", given: "{{with .Nothing}}x{{else}}none{{end}}", want: "none" },
    { name: "range", given: "{{range .Ports}}{{.Published}} {{end}}", want: "80 443 " },
    { name: "range else", given: "{{range .Empty}}x{{else}}none{{end}}", want: "none" },
    {
      name: "range with index",
      given: "{{range $i, $p := .Ports}}{{if $i}},{{end}}{{$p.Target}}{{end}}",
      want: "8080,8443",
    },
    {
      name: "range over a map, sorted",
      given: "{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}",
      want: "com.example/x=y;zone=a;",
    },
    { name: "break", given: "{{range .Ports}}{{.Published}}{{break}}{{end}}", want: "80" },
    {
      name: "continue",
      given: "{{range .Ports}}{{if eq .Published 80}}{{continue}}{{end}}{{.Published}}{{end}}",
      want: "443",
    },
    { name: "root variable", given: "{{range .Ports}}{{$.ID}}{{end}}", want: "abc123abc123" },
    { name: "variable", given: "{{$x := .Name}}{{$x}}{{$x = .ID}}{{$x}}", want: "webabc123" },
    { name: "pipe", given: '{{.Name | upper | printf "<%s>"}}', want: "<WEB>" },
    { name: "brackets", given: "{{len (index .Ports 0)}}", want: "2" },
    { name: "field of brackets", given: "{{(index .Ports 1).Target}}", want: "8443" },
    { name: "index of a label", given: '{{index .Labels "com.example/x"}}', want: "y" },
    { name: "index of a label not there", given: '[{{index .Labels "no"}}]', want: "[]" },
    { name: "join and split", given: '{{join (split "a,b" ",") "-"}}', want: "a-b" },
    {
      name: "lower title truncate",
      given: '{{lower "AB"}}{{title "a b"}}{{truncate .ID 3}}',
      want: "abA Babc",
    },
    { name: "pad", given: "[{{pad .Name 1 2}}]", want: "[ web  ]" },
    {
      name: "printf",
      given: '{{printf "%5d|%-5s|%05d|%q|%.1f|%%" 42 "a" 7 "x" 1.25}}',
      want: '   42|a    |00007|"x"|1.3|%',
    },
    { name: "println", given: '{{println "a" 1}}', want: "a 1\n" },
    {
      name: "logic",
      given: '{{and .Ready .Name}} {{or .Empty "x"}} {{not .Ready}}',
      want: "web x false",
    },
    { name: "order", given: "{{lt 1 2}} {{ge 2 2}} {{ne .ID .Name}}", want: "true true true" },
    { name: "eq with several", given: '{{eq .Name "db" "web"}}', want: "true" },
    {
      name: "lists and maps print as Go's",
      given: "{{.Ports}} {{.Nothing}}",
      want: "[map[Published:80 Target:8080] map[Published:443 Target:8443]] <nil>",
    },
    { name: "raw strings with braces", given: "{{`}}`}}", want: "}}" },
    { name: "slice", given: "{{slice .ID 1 3}}", want: "bc" },
  ];
  for (const { name, given, want } of renders) {
    it(name, () => assert.equal(new Template(given).render(data), want));
  }

  const refusals: { name: string; given: string; says: RegExp }[] = [
    { name: "no closing braces", given: "a {{.ID", says: /no closing }}/ },
    { name: "no end", given: "{{if .ID}}a", says: /\{\{if …}} has no \{\{end}}/ },
    { name: "end outside", given: "a{{end}}", says: /outside of a block/ },
    { name: "unknown function", given: "{{nope .ID}}", says: /function "nope" is not known/ },
    {
      name: "unknown field",
      given: "{{.Nope}}",
      says: /"\.Nope" is not known; the fields are \.ID/,
    },
    { name: "field of a text", given: "{{.ID.X}}", says: /it has no fields/ },
    { name: "unknown variable", given: "{{$y}}", says: /variable "\$y" is not known/ },
    { name: "arguments of a value", given: "{{.ID .Name}}", says: /cannot be read/ },
    {
      name: "pipe into a value",
      given: "{{.ID | .Name}}",
      says: /after \| there must be a function/,
    },
    { name: "strange signs", given: "{{.ID # }}", says: /cannot be read/ },
    { name: "index out of range", given: "{{index .Ports 9}}", says: /out of range/ },
    { name: "range over a number", given: "{{range .Replicas}}{{end}}", says: /range goes over/ },
    { name: "break outside", given: "{{break}}", says: /outside of a range/ },
    { name: "wrong argument", given: "{{upper .Ports}}", says: /upper takes a string/ },
    { name: "huge pad", given: "{{pad .ID 99999999 0}}", says: /pad takes a whole number/ },
    { name: "deep brackets", given: `{{${"(".repeat(60)}.ID${")".repeat(60)}}}`, says: /nested/ },
  ];
  for (const { name, given, says } of refusals) {
    it(`refuses ${name}`, () => {
      assert.throws(
        () => new Template(given).render(data),
        (error: unknown) => isClusterError(error, "INVALID_ARGUMENT") && says.test(error.message),
      );
    });
  }

  it("shows a missing field as no value where that is wanted", () => {
    const template = new Template("{{.Nope}} {{if .Nope.Deeper}}a{{else}}b{{end}}", {
      missing: "no value",
    });
    assert.equal(template.render(data), "<no value> b");
  });

  it("calls functions that were given", () => {
    const template = new Template('{{env "A"}}', {
      functions: { env: (name) => `${String(name)}=1` },
    });
    assert.equal(template.render({}), "A=1");
  });

  it("never fails in another way than INVALID_ARGUMENT", () => {
    const words = fc.constantFrom(
      "{{",
      "}}",
      ".",
      ".ID",
      "if ",
      "range ",
      "end",
      "else",
      "$",
      "$x",
      ":=",
      "|",
      "(",
      ")",
      '"',
      "`",
      " ",
      "printf ",
      "index ",
      "1",
      "-",
      "with ",
      "}}{{",
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
        try {
          new Template(parts.join("")).render(data);
        } catch (error) {
          assert.ok(isClusterError(error, "INVALID_ARGUMENT"), String(error));
        }
      }),
    );
  });
});
