import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { silentLogger } from "../../../src/base/log.ts";
import { ApiClient } from "../../../src/cli/client.ts";
import { parseAutolock, unlock } from "../../../src/cli/commands/swarm-unlock.ts";
import { readSecret, typedSoFar } from "../../../src/cli/read-secret.ts";
import { problemText, type Session } from "../../../src/cli/session.ts";
import { RestApp } from "../../../src/rest/app.ts";
import { RestServer } from "../../../src/rest/server.ts";
import { FakeBackend } from "../../support/fake-backend.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { seededRandom } from "../../support/seeded-random.ts";

describe("skep swarm unlock", () => {
  let folder: string;
  let server: RestServer;
  let backend: FakeBackend;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "skep-unlock-"));
    const deps = { clock: new FakeClock(), random: seededRandom(1), log: silentLogger };
    backend = new FakeBackend(deps);
    server = new RestServer({ app: new RestApp({ backend, ...deps }), ...deps });
    await server.listen({ kind: "unix", path: join(folder, "s") });
  });

  afterEach(async () => {
    await server.stop(0);
    rmSync(folder, { recursive: true, force: true });
  });

  const session = (): Session => ({
    client: new ApiClient(`unix://${join(folder, "s")}`),
    print: () => {},
    warn: () => {},
    terminal: false,
    columns: 80,
    interrupted: new AbortController().signal,
    now: () => 0,
  });

  const cases = [
    { name: "the right key", state: "locked", key: "SWMKEY-1-right", want: /^unlocked$/ },
    { name: "a wrong key", state: "locked", key: "SWMKEY-1-x", want: /invalid key/ },
    { name: "no need", state: "active", key: undefined, want: /swarm is not locked/ },
    { name: "no swarm", state: "inactive", key: undefined, want: /not part of a swarm/ },
  ] as const;
  for (const { name, state, key, want } of cases) {
    it(`answers ${name}${key === undefined ? ", and asks for none" : ""}`, async () => {
      backend.swarm = { ...backend.swarm, state, manager: state === "active" };
      const read = async (): Promise<string> => {
        assert.ok(key !== undefined, "asked for a key");
        return key;
      };
      const result = await unlock(session(), read).then(() => "unlocked", problemText);
      assert.match(result, want);
    });
  }

  it("takes the key from a pipe too", async () => {
    const pipe = Readable.from([Buffer.from("SWMKEY-1-"), Buffer.from("a \nmore\n")]);
    assert.equal(await readSecret("", pipe), "SWMKEY-1-a");
  });

  it("reads what is typed", () => {
    const over = (line: string, isGivenUp = false) => ({ line, isOver: true, isGivenUp });
    assert.deepEqual(typedSoFar("", "ab"), { line: "ab", isOver: false, isGivenUp: false });
    assert.deepEqual(typedSoFar("ab", "x\u007fc\rrest"), over("abc"));
    assert.deepEqual(typedSoFar("", "\b\u0003"), over("", true));
  });

  it("reads --autolock as docker does", () => {
    assert.equal(parseAutolock(true), true);
    assert.equal(parseAutolock("true"), true);
    assert.equal(parseAutolock("false"), false);
    assert.throws(() => parseAutolock("maybe"), /--autolock/);
  });
});
