import { Backoff } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { IdentitySource } from "../rpc/credentials.ts";
import { readCertificate, validityOf } from "./certificate.ts";

/** The wall clock may jump (suspend, NTP): it is looked at this often at least. */
const recheckMs = 3 * 60_000;
const retryFirstMs = 1_000;
const retryMaxMs = 60_000;

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

/** What there is to do about a certificate now: nothing yet, or to get another one. */
export interface RenewalState {
  /** Of the certificate in use. */
  readonly fromMs: number;
  /** The point of its life that was picked for the renewal. */
  readonly dueMs: number;
  /** Somebody wants a new one at once. */
  readonly isAsked: boolean;
  /** Not before then, for the last try failed; 0 when it did not. By a clock that does not jump. */
  readonly retryAtMs: number;
}

/**
 * Pure: how long to wait, 0 for now. A clock that jumped ahead makes it due; one that jumped back behind the certificate's beginning too, for
 * it may be the certificate that is wrong. Never longer than three minutes, so that jumps and suspensions are noticed.
 */
export function renewalWaitMs(state: RenewalState, nowMs: number, monotonicMs: number): number {
  const { fromMs, dueMs, isAsked, retryAtMs } = state;
  const isDue = isAsked || nowMs >= dueMs || nowMs < fromMs;
  const waitMs = isDue ? retryAtMs - monotonicMs : dueMs - nowMs;
  return Math.min(Math.max(0, waitMs), recheckMs);
}

/** Renews the node's certificate in time, again and again, and at once when asked. */
export class CertificateRenewer {
  readonly #deps: RenewerDeps;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #unsubscribe: () => void;
  #timer: Timer | undefined;
  #state: RenewalState;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(deps: RenewerDeps) {
    this.#deps = deps;
    this.#log = deps.log.child({ module: "certificate-renewer" });
    this.#backoff = new Backoff({
      initialMs: retryFirstMs,
      maxMs: retryMaxMs,
      random: deps.random,
    });
    this.#state = this.#plan();
    this.#unsubscribe = deps.identity.onChange(() => {
      this.#state = { ...this.#plan(), isAsked: this.#state.isAsked };
    });
  }

  start(): void {
    this.#check();
  }

  /** Renews now: the node's role changed, or a manager asks for it. */
  renewNow(): void {
    this.#state = { ...this.#state, isAsked: true, retryAtMs: 0 };
    this.#check();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    this.#timer?.cancel();
    await this.#running;
  }

  #plan(): RenewalState {
    const { identity, random } = this.#deps;
    const certificate = readCertificate(
      identity.current().certificatePem,
      "the node's certificate",
    );
    const validity = validityOf(certificate);
    const dueMs = renewalTimeMs(validity, random);
    return { fromMs: validity.fromMs, dueMs, isAsked: false, retryAtMs: 0 };
  }

  #check(): void {
    if (this.#stopped || this.#running !== undefined) return;
    this.#timer?.cancel();
    const { clock } = this.#deps;
    const waitMs = renewalWaitMs(this.#state, clock.now(), clock.monotonic());
    if (waitMs > 0) this.#timer = clock.setTimer(waitMs, () => this.#check());
    else this.#running = this.#renew();
  }

  async #renew(): Promise<void> {
    const { clock, renew } = this.#deps;
    const wasAsked = this.#state.isAsked;
    this.#state = { ...this.#state, isAsked: false };
    try {
      await renew();
      this.#backoff.reset();
      // What a manager with a wrong clock gives may be due again at once: not without end.
      const retryAtMs = this.#state.isAsked ? 0 : clock.monotonic() + retryMaxMs;
      this.#state = { ...this.#state, retryAtMs };
      this.#log.info({}, "certificate renewed");
    } catch (error) {
      const retryMs = this.#backoff.nextMs();
      // A request that failed is still a request.
      const isAsked = wasAsked || this.#state.isAsked;
      this.#state = { ...this.#state, isAsked, retryAtMs: clock.monotonic() + retryMs };
      this.#log.warn({ err: error, retryMs }, "certificate could not be renewed");
    }
    this.#running = undefined;
    this.#check();
  }
}
