import type { StepGroup } from "../../support/command-steps.ts";

/** `docker stack` with the compose files of test/testdata. */
export const stackSteps: readonly StepGroup[] = [
  {
    title: "a stack",
    steps: [
      {
        run: "stack deploy --resolve-image never -c shop.yaml shop",
        out: /Creating network shop_front[\s\S]*Creating service shop_web/,
      },
      { run: "stack ls --format '{{.Name}} {{.Services}}'", out: /^shop 3$/m },
      {
        run: "stack services shop --format '{{.Name}} {{.Replicas}}'",
        out: /^shop_web 2\/2$/m,
        withinMs: 30_000,
      },
      {
        run: "stack ps shop --format '{{.Name}}' --filter desired-state=running",
        out: /^shop_db\.1$/m,
      },
      { run: "stack config -c shop.yaml", out: /shop-settings|settings/ },
      {
        run: "stack deploy --resolve-image never -c shop.yaml shop",
        out: /Updating service shop_web/,
      },
      {
        run: "stack deploy --resolve-image never --prune -c shop-small.yaml shop",
        out: /Removing service shop_cache/,
      },
      { run: "stack services shop -q", out: /^(\w{12}\n){2}$/ },
      { run: "stack services nosuch", err: /Nothing found in stack: nosuch/ },
      { run: "stack ps nosuch", exit: 1, err: /nothing found in stack: nosuch/i },
      { run: "stack deploy -c nosuch.yaml bad", exit: 1, err: /nosuch\.yaml/ },
      { run: "stack deploy -c broken.yaml bad", exit: 1, err: /.+/ },
      { run: "stack rm shop", err: /Removing service shop_db|/, out: /Removing service shop_db|/ },
      { run: "stack ls -q", exit: 125, err: /unknown shorthand flag/ },
      { run: "stack ls", out: /^NAME\s+SERVICES\s*$/m, withinMs: 30_000 },
      {
        run: "network ls --filter label=com.docker.stack.namespace=shop -q",
        out: /^$/,
        withinMs: 30_000,
      },
    ],
  },
];
