import { newId } from "../../base/ids.ts";
import { validateConfigSpec } from "../../model/validate/config.ts";
import { checkOnlyLabelsChange, checkUnused, nameConflict } from "./file-objects.ts";
import { matchesAnnotated } from "./filters.ts";
import type { ControlDeps, ControlMethods } from "./methods.ts";
import { checkVersion, required, resolve } from "./resolve.ts";

type ConfigMethods = Pick<
  ControlMethods,
  "getConfig" | "listConfigs" | "createConfig" | "updateConfig" | "removeConfig"
>;

/** Control of configs. */
export function configMethods({ store, readBarrier, random }: ControlDeps): ConfigMethods {
  return {
    async getConfig({ ref }) {
      await readBarrier();
      return { config: resolve(store.view(), "config", ref) };
    },
    async listConfigs({ filters }) {
      await readBarrier();
      const configs = [...store.view().all("config")].filter((config) =>
        matchesAnnotated(filters, config.id, config.spec?.annotations),
      );
      return { configs };
    },
    async createConfig({ spec }) {
      const wanted = required(spec, "the config's spec");
      validateConfigSpec(wanted);
      const id = newId(random);
      await store.update((tx) => {
        const name = wanted.annotations?.name ?? "";
        if (tx.byName("config", name) !== undefined) throw nameConflict("config", name);
        tx.create("config", { id, spec: wanted });
      });
      return { config: store.view().get("config", id) ?? null };
    },
    async updateConfig(request) {
      const wanted = required(request.spec, "the config's spec");
      const id = await store.update((tx) => {
        const config = resolve(tx, "config", request.configId);
        checkVersion(config, request.version);
        const spec = checkOnlyLabelsChange(required(config.spec, "the spec"), wanted);
        tx.update("config", { ...config, spec });
        return config.id;
      });
      return { config: store.view().get("config", id) ?? null };
    },
    async removeConfig({ ref }) {
      await store.update((tx) => {
        const config = resolve(tx, "config", ref);
        const name = config.spec?.annotations?.name ?? config.id;
        checkUnused("config", name, tx.servicesUsingConfig(config.id));
        tx.remove("config", config.id);
      });
      return {};
    },
  };
}
