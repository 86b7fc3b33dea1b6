import { newId } from "../../base/ids.ts";
import type { Secret } from "../../gen/skep/Secret.ts";
import { validateSecretSpec } from "../../model/validate/secret.ts";
import { checkOnlyLabelsChange, checkUnused, nameConflict } from "./file-objects.ts";
import { matchesAnnotated } from "./filters.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { checkVersion, required, resolve } from "./resolve.ts";

type SecretMethods = Pick<
  ControlMethods,
  "getSecret" | "listSecrets" | "createSecret" | "updateSecret" | "removeSecret"
>;

/** Control of secrets. Their data goes in and, but for the nodes that need it, never out again. */
export function secretMethods({ store, readBarrier, random }: ControlDeps): SecretMethods {
  const shown = (id: string): Secret | null => {
    const secret = store.view().get("secret", id);
    return secret === undefined ? null : withoutData(secret);
  };
  return {
    async getSecret({ ref }) {
      await readBarrier();
      return { secret: withoutData(resolve(store.view(), "secret", ref)) };
    },
    async listSecrets({ filters }) {
      await readBarrier();
      const secrets = [...store.view().all("secret")].filter((secret) =>
        matchesAnnotated(filters, secret.id, secret.spec?.annotations),
      );
      return { secrets: secrets.map(withoutData) };
    },
    async createSecret({ spec }) {
      const wanted = required(spec, "the secret's spec");
      validateSecretSpec(wanted);
      const id = newId(random);
      await store.update((tx) => {
        const name = wanted.annotations?.name ?? "";
        if (tx.byName("secret", name) !== undefined) throw nameConflict("secret", name);
        tx.create("secret", { id, spec: wanted });
      });
      return { secret: shown(id) };
    },
    async updateSecret(request) {
      const wanted = required(request.spec, "the secret's spec");
      const id = await store.update((tx) => {
        const secret = resolve(tx, "secret", request.secretId);
        checkVersion(secret, request.version);
        const spec = checkOnlyLabelsChange(required(secret.spec, "the spec"), wanted);
        tx.update("secret", { ...secret, spec });
        return secret.id;
      });
      return { secret: shown(id) };
    },
    async removeSecret({ ref }) {
      await store.update((tx) => {
        const secret = resolve(tx, "secret", ref);
        const name = secret.spec?.annotations?.name ?? secret.id;
        checkUnused("secret", name, tx.servicesUsingSecret(secret.id));
        tx.remove("secret", secret.id);
      });
      return {};
    },
  };
}

function withoutData(secret: Secret): Secret {
  return secret.spec === null
    ? secret
    : { ...secret, spec: { ...secret.spec, data: Buffer.alloc(0) } };
}
