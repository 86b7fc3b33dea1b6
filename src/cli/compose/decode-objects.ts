import {
  anyText,
  type Decode,
  type Decoded,
  flag,
  list,
  mapOf,
  record,
  text,
  word,
} from "./decode.ts";

const common = { name: word, external: flag, labels: mapOf(anyText, "") };

/** A network of the top. */
export const network = record(
  {
    ...common,
    driver: word,
    driver_opts: mapOf(anyText, ""),
    attachable: flag,
    internal: flag,
    enable_ipv6: flag,
    ipam: record(
      {
        driver: word,
        config: list(
          record({ subnet: word, gateway: word, ip_range: word }, { aux_addresses: "" }),
        ),
      },
      { options: "" },
    ),
  },
  { enable_ipv4: "networks have IPv4" },
);

/** A volume of the top. */
export const volume = record({ ...common, driver: word, driver_opts: mapOf(anyText, "") });

/** A secret of the top. */
export const secret = record(
  { ...common, file: word, environment: word, template_driver: word },
  { driver: "secrets are kept by the cluster", driver_opts: "" },
);

/** A config of the top. */
export const config = record({
  ...common,
  file: word,
  environment: word,
  content: text,
  template_driver: word,
});

/** The top of a file; sections whose values are read one by one stay as they are. */
const section: Decode<Record<string, never>> = (tree, at, problems) => {
  if (tree.kind !== "map") problems.error(tree.place, `${at} must be a map`);
  return {};
};

export const top = record({
  version: ((tree, at, problems) => {
    const value = anyText(tree, at, problems);
    if (value === undefined || /^3(\.\d+)?$/.test(value)) return value;
    problems.error(tree.place, `version ${value} is not supported: it is 3 to 3.13, or left out`);
    return undefined;
  }) satisfies Decode<string>,
  name: word,
  services: section,
  networks: section,
  volumes: section,
  secrets: section,
  configs: section,
});

export type NetworkFields = Decoded<typeof network>;
export type StackVolumeFields = Decoded<typeof volume>;
export type SecretFields = Decoded<typeof secret>;
export type ConfigFields = Decoded<typeof config>;
