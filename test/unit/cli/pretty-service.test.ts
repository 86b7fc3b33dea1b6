import assert from "node:assert/strict";
import { prettyService } from "../../../src/cli/pretty/service.ts";
import type { ServiceJson } from "../../../src/rest/wire/service.ts";

describe("service inspect --pretty", () => {
  it("shows what a service is set to, and nothing of what it is not", () => {
    const service: ServiceJson = {
      ID: "s1",
      Version: { Index: 1 },
      CreatedAt: "",
      UpdatedAt: "",
      Spec: {
        Name: "web",
        Labels: {},
        Mode: { Replicated: { Replicas: 2 } },
        TaskTemplate: {
          ContainerSpec: {
            Image: "i:1",
            CapabilityAdd: ["CAP_NET_ADMIN"],
            Sysctls: { "net.core.somaxconn": "99" },
            Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }],
            DNSConfig: { Nameservers: ["1.1.1.1"] },
            StopGracePeriod: 2e9,
            ReadOnly: true,
          },
          RestartPolicy: { Condition: "on-failure", Delay: 5e9, MaxAttempts: 3 },
          LogDriver: { Name: "json-file", Options: { "max-size": "1m" } },
          Resources: {
            Reservations: {
              GenericResources: [{ DiscreteResourceSpec: { Kind: "SSD", Value: 2 } }],
            },
          },
          ForceUpdate: 0,
        },
      },
      Endpoint: { Spec: {} },
    };
    const lines = prettyService(service).split("\n").slice(2);
    assert.deepEqual(
      lines.map((line) => line.replace(/: +/, ": ")),
      [
        "Mode: replicated, 2 replicas",
        "Container:",
        " Image: i:1",
        " DNS servers: 1.1.1.1",
        " Capabilities added: CAP_NET_ADMIN",
        " Sysctls:",
        "  net.core.somaxconn: 99",
        " Ulimits: nofile=1:2",
        " Stop grace period: 2s",
        " Read only: true",
        "Restart:",
        " Condition: on-failure",
        " Delay: 5s",
        " Max attempts: 3",
        "Log driver: json-file max-size=1m",
        "Reservations:",
        " SSD: 2",
      ],
    );
  });
});
