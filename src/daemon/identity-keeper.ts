import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { identityOf, renewCertificate } from "../ca/ca-client.ts";
import { readCertificate, validityOf } from "../ca/certificate.ts";
import { createKeyAndCsr } from "../ca/csr.ts";
import { isTrusted, trustedPem } from "../ca/trust.ts";
import type { Manager } from "../manager/manager.ts";
import type { ChannelPool } from "../rpc/channel-pool.ts";
import type { TlsIdentity } from "../rpc/credentials.ts";
import type { IdentityHolder } from "./identity-holder.ts";

export interface IdentityKeeperDeps {
  readonly holder: IdentityHolder;
  /** Writes it down, before it counts. */
  readonly save: (identity: TlsIdentity) => Promise<void>;
  /** Managers as last told, the most likely leader first. */
  readonly managers: () => readonly string[];
  /** The manager of this node; undefined on a worker. */
  readonly manager: () => Pick<Manager, "issueForSelf"> | undefined;
  readonly channels: Pick<ChannelPool, "unary">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Logger;
}

/** Changes what this node proves itself with and whom it trusts, one change after another, each on disk before it counts. */
export class IdentityKeeper {
  readonly #deps: IdentityKeeperDeps;
  #tail: Promise<void> = Promise.resolve();

  constructor(deps: IdentityKeeperDeps) {
    this.#deps = deps;
  }

  /** A new certificate from the leader; a manager whose own is not valid any more gives it to itself when nobody else does. Errors as `renewCertificate`. */
  renew(): Promise<void> {
    return this.#next(async () => {
      const { holder, managers, channels, clock } = this.#deps;
      const before = holder.current();
      let identity: TlsIdentity;
      try {
        identity = await renewCertificate(before, managers(), channels, clock);
      } catch (error) {
        const own = await this.#bySelf(before, error);
        if (own === undefined) throw error;
        identity = own;
      }
      await this.#put(identity);
    });
  }

  /** Trusts these roots (PEM) from now on, as a manager told. Roots by which our own certificate would be worth nothing are not taken. */
  trust(rootsPem: string): Promise<void> {
    return this.#next(async () => {
      const { holder, log } = this.#deps;
      const before = holder.current();
      const rootCaPem = trustedPem(rootsPem);
      if (rootCaPem === "" || rootCaPem === trustedPem(before.rootCaPem)) return;
      if (!isTrusted(before.certificatePem, rootCaPem)) {
        log.warn(
          {},
          "the roots told by the manager do not fit this node's certificate; keeping the old ones",
        );
        return;
      }
      await this.#put({ ...before, rootCaPem });
      log.info({}, "the roots to trust have changed");
    });
  }

  async #bySelf(before: TlsIdentity, reason: unknown): Promise<TlsIdentity | undefined> {
    const { manager, clock, log } = this.#deps;
    const own = manager();
    const { fromMs, untilMs } = validityOf(
      readCertificate(before.certificatePem, "this node's certificate"),
    );
    const nowMs = clock.now();
    if (own === undefined || (nowMs >= fromMs && nowMs < untilMs)) return undefined;
    const { privateKeyPem, csrPem } = createKeyAndCsr();
    const identity = identityOf(await own.issueForSelf(csrPem), privateKeyPem, clock);
    log.warn(
      { reason: errorMessage(reason) },
      "this manager renewed its expired certificate by itself",
    );
    return identity;
  }

  async #put(identity: TlsIdentity): Promise<void> {
    await this.#deps.save(identity);
    this.#deps.holder.replace(identity);
  }

  #next(change: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(change);
    this.#tail = done.catch(() => {});
    return done;
  }
}
