import type { NetworkFields } from "./decode-objects.ts";
import { byText, objectName, stackLabels } from "./names.ts";
import type { StackFile, StackModel } from "./stack-model.ts";

/** Body of POST /networks/create. */
export interface NetworkRequest {
  readonly Name: string;
  readonly Driver: string;
  readonly Options: Readonly<Record<string, string>>;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly EnableIPv6?: boolean;
  readonly Labels: Readonly<Record<string, string>>;
  readonly IPAM?: {
    readonly Driver: string;
    readonly Config: readonly { Subnet: string; Gateway?: string; IPRange?: string }[];
  };
}

/** Body of POST /secrets/create and /configs/create. */
export interface FileRequestJson {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>>;
  /** Base64. */
  readonly Data: string;
  readonly Templating?: { readonly Name: string };
}

/** Pure: the networks that services of the stack use and the stack makes. */
export function networkRequests(stack: string, model: StackModel): NetworkRequest[] {
  return usedNetworks(model).flatMap((key) => {
    const fields = model.networks[key] ?? {};
    return fields.external === true ? [] : [networkRequest(stack, key, fields)];
  });
}

/** Pure: the names of networks that must be there already. */
export function externalNetworks(model: StackModel): string[] {
  return usedNetworks(model).flatMap((key) => {
    const fields = model.networks[key];
    return fields?.external === true ? [fields.name ?? key] : [];
  });
}

/** Pure: secrets or configs that the stack makes. */
export function fileRequests(
  stack: string,
  files: Readonly<Record<string, StackFile>>,
): FileRequestJson[] {
  return Object.entries(files).flatMap(([key, file]) => {
    if (file.external === true || file.data === undefined) return [];
    return [
      {
        Name: objectName(stack, key, file),
        Labels: stackLabels(stack, file.labels),
        Data: file.data.toString("base64"),
        ...(file.template_driver === undefined
          ? {}
          : { Templating: { Name: file.template_driver } }),
      },
    ];
  });
}

/** Pure: the names of secrets or configs that services use and that must be there already. */
export function externalFiles(model: StackModel, kind: "secrets" | "configs"): string[] {
  const used = new Set(
    model.services.flatMap(({ fields }) => (fields[kind] ?? []).map(({ source }) => source)),
  );
  return Object.entries(model[kind]).flatMap(([key, { external, name }]) =>
    external === true && used.has(key) ? [name ?? key] : [],
  );
}

function usedNetworks({ services }: StackModel): string[] {
  const keys = services.flatMap(({ fields: { networks } }) => {
    const own = Object.keys(networks ?? {});
    return own.length === 0 ? ["default"] : own;
  });
  return [...new Set(keys)].sort(byText);
}

function networkRequest(stack: string, key: string, fields: NetworkFields): NetworkRequest {
  const { driver = "overlay", driver_opts = {}, internal, attachable, enable_ipv6, ipam } = fields;
  return {
    Name: objectName(stack, key, fields),
    Driver: driver,
    Options: driver_opts,
    Internal: internal ?? false,
    Attachable: attachable ?? false,
    ...(enable_ipv6 === undefined ? {} : { EnableIPv6: enable_ipv6 }),
    Labels: stackLabels(stack, fields.labels),
    ...(ipam === undefined
      ? {}
      : {
          IPAM: {
            Driver: ipam.driver ?? "default",
            Config: (ipam.config ?? []).map(({ subnet = "", gateway, ip_range }) => ({
              Subnet: subnet,
              ...(gateway === undefined ? {} : { Gateway: gateway }),
              ...(ip_range === undefined ? {} : { IPRange: ip_range }),
            })),
          },
        }),
  };
}
