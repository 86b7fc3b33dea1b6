import { silentLogger } from "../../../src/base/log.ts";
import { RestApp } from "../../../src/rest/app.ts";
import { type InjectRequest, type InjectResponse, inject } from "../../../src/rest/inject.ts";
import { FakeBackend } from "../../support/fake-backend.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { seededRandom } from "../../support/seeded-random.ts";

export interface RestBench {
  readonly backend: FakeBackend;
  readonly clock: FakeClock;
  readonly app: RestApp;
  request(
    method: string,
    path: string,
    body?: unknown,
    options?: Partial<InjectRequest>,
  ): Promise<InjectResponse>;
}

/** An app on a fake manager. */
export function restBench(): RestBench {
  const clock = new FakeClock();
  const random = seededRandom(1);
  const backend = new FakeBackend({ clock, random });
  const app = new RestApp({ backend, clock, random, log: silentLogger });
  return {
    backend,
    clock,
    app,
    request: (method, path, body, options) =>
      inject(app, { method, path, ...(body === undefined ? {} : { body }), ...options }),
  };
}
