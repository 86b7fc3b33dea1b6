import type { IdentitySource, TlsIdentity } from "../rpc/credentials.ts";

/** The node's certificate and key, replaced on renewal and on a change of role. */
export class IdentityHolder implements IdentitySource {
  readonly #listeners = new Set<(identity: TlsIdentity) => void>();
  #identity: TlsIdentity;

  constructor(identity: TlsIdentity) {
    this.#identity = identity;
  }

  current(): TlsIdentity {
    return this.#identity;
  }

  replace(identity: TlsIdentity): void {
    this.#identity = identity;
    for (const listener of this.#listeners) listener(identity);
  }

  onChange(listener: (identity: TlsIdentity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
