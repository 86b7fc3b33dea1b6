import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isClusterError } from "../../../src/base/errors.ts";
import { loginToRegistry } from "../../../src/daemon/registry-login.ts";
import { isInsecureRegistry } from "../../../src/image/insecure-registry.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const good = `Basic ${Buffer.from("ann:right").toString("base64")}`;

describe("a login at a registry", () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  async function login(listener: RequestListener, password: string): Promise<void> {
    const own = createServer(listener);
    server = own;
    await new Promise<void>((resolve) => own.listen(0, "127.0.0.1", resolve));
    const { port } = own.address() as AddressInfo;
    await loginToRegistry(
      { username: "ann", password, identityToken: "", serverAddress: `127.0.0.1:${port}` },
      new AbortController().signal,
      { insecureRegistries: [], clock: new FakeClock() },
    );
  }

  const basic: RequestListener = ({ headers, url }, answer) => {
    if (url !== "/v2/") answer.writeHead(404);
    else if (headers.authorization === good) answer.writeHead(200);
    else answer.writeHead(401, { "www-authenticate": 'Basic realm="x"' });
    answer.end();
  };

  const bearer: RequestListener = ({ headers, url = "" }, answer) => {
    if (url.startsWith("/token")) {
      const known = headers.authorization === good && url.includes("account=ann");
      answer.writeHead(known && url.includes("service=s") ? 200 : 401);
      answer.end(known ? '{"token":"t0"}' : "");
      return;
    }
    const realm = `http://${headers.host}/token`;
    if (headers.authorization === "Bearer t0") answer.writeHead(200);
    else answer.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s"` });
    answer.end();
  };

  for (const [name, listener] of [
    ["a password", basic],
    ["a token", bearer],
  ] as const) {
    it(`by ${name} is as the registry says`, async () => {
      await login(listener, "right");
      server?.close();
      await assert.rejects(
        login(listener, "wrong"),
        (error) =>
          isClusterError(error, "UNAUTHENTICATED") &&
          /incorrect username or password/.test(error.message),
      );
    });
  }

  it("says what a registry that is none answers", async () => {
    const none: RequestListener = (_, answer) => {
      answer.writeHead(404);
      answer.end();
    };
    await assert.rejects(login(none, "right"), /127\.0\.0\.1:\d+\/v2\/ failed with status 404/);
  });
});

describe("registries without TLS", () => {
  const table: { registry: string; named: string[]; want: boolean }[] = [
    { registry: "localhost:5000", named: [], want: true },
    { registry: "127.0.0.2", named: [], want: true },
    { registry: "r:5000", named: ["r:5000"], want: true },
    { registry: "r:5000", named: ["r:5001"], want: false },
    { registry: "10.1.2.3:5000", named: ["10.1.0.0/16"], want: true },
    { registry: "10.2.2.3", named: ["10.1.0.0/16"], want: false },
    { registry: "[fd00::1]:5000", named: ["fd00::/8"], want: true },
    { registry: "10.1.2.3", named: ["10.1.0.0/99", "x/8"], want: false },
  ];
  for (const { registry, named, want } of table) {
    it(`${registry} of ${named.join(" ")}: ${want}`, () => {
      assert.equal(isInsecureRegistry(registry, named), want);
    });
  }
});
