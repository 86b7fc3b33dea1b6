import { Backoff } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { IdentitySource } from "../rpc/credentials.ts";
import { readCertificate, validityOf } from "./certificate.ts";

/** The wall clock may jump (suspend, NTP): it is looked at this often at least. */
const recheckMs = 3 * 60_000;
const retryFirstMs = 1_000;
const retryMaxMs = 5 * 60_000;

export interface RenewerDeps {
  readonly identity: IdentitySource;
  /** Gets a new certificate and puts it into use, so that `identity` changes. */
  readonly renew: () => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** When a certificate of this life is renewed: at a random point of 50–80 % of it, so that nodes do not come all at once. */
export function renewalTimeMs(
  validity: { readonly fromMs: number; readonly untilMs: number },
  random: Random,
): number {
  const share = 0.5 + 0.3 * random.float();
  return validity.fromMs + share * (validity.untilMs - validity.fromMs);
}

/** Renews the node's certificate in time, again and again, and at once when asked. */
export class CertificateRenewer {
  readonly #deps: RenewerDeps;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #unsubscribe: () => void;
  #timer: Timer | undefined;
  #dueMs: number;
  #running: Promise<void> | undefined;
  #asked = false;
  #stopped = false;

  constructor(deps: RenewerDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ module: "certificate-renewer" });
    this.#backoff = new Backoff({
      initialMs: retryFirstMs,
      maxMs: retryMaxMs,
      random: deps.random,
    });
    this.#dueMs = this.#plan();
    this.#unsubscribe = deps.identity.onChange(() => {
      this.#dueMs = this.#plan();
    });
  }

  start(): void {
    this.#check();
  }

  /** Renews now: the node's role changed, or a manager asks for it. */
  renewNow(): void {
    this.#asked = true;
    this.#check();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#timer?.cancel();
    await this.#running;
  }

  #plan(): number {
    const { identity, random } = this.#deps;
    const certificate = readCertificate(
      identity.current().certificatePem,
      "the node's certificate",
    );
    return renewalTimeMs(validityOf(certificate), random);
  }

  #check(): void {
    if (this.#stopped || this.#running !== undefined) return;
    this.#timer?.cancel();
    const waitMs = this.#asked ? 0 : this.#dueMs - this.#deps.clock.now();
    if (waitMs > 0) {
      this.#timer = this.#deps.clock.setTimer(Math.min(waitMs, recheckMs), () => this.#check());
      return;
    }
    this.#running = this.#renew();
  }

  async #renew(): Promise<void> {
    this.#asked = false;
    let retryMs: number | undefined;
    try {
      await this.#deps.renew();
      this.#backoff.reset();
      this.#log.info({}, "certificate renewed");
    } catch (error) {
      retryMs = this.#backoff.nextMs();
      this.#log.warn({ err: error, retryMs }, "certificate could not be renewed");
    }
    this.#running = undefined;
    if (this.#stopped) return;
    if (retryMs === undefined) this.#check();
    else this.#timer = this.#deps.clock.setTimer(retryMs, () => this.#retry());
  }

  #retry(): void {
    this.#asked = true; // a request that failed is still a request
    this.#check();
  }
}
