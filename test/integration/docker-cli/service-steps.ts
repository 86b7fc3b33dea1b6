import type { StepGroup } from "../../support/command-steps.ts";

const create = "service create --no-resolve-image --detach";
const createAndWait = "service create --no-resolve-image --update-monitor 1s";

/** Commands about services and tasks. They use what the object steps have made. */
export const serviceSteps: readonly StepGroup[] = [
  {
    title: "a replicated service",
    steps: [
      {
        run: `${createAndWait} --name web --replicas 3 --network back -p 8088:80 --env A=1 --label tier=front skep-web:1`,
        out: /overall progress: 3 out of 3 tasks[\s\S]*converged/,
        save: { name: "web", pick: /^(\w{25})$/m },
      },
      {
        run: `${create} --name web skep-web:1`,
        exit: 1,
        err: /name conflicts with an existing object/,
      },
      { run: "service ls", out: /web\s+replicated\s+3\/3\s+skep-web:1\s+\*:8088->80\/tcp/ },
      { run: "service ls --format '{{.Name}} {{.Replicas}}'", out: /^web 3\/3$/m },
      { run: "service ls -q", out: /^\w{12}$/m },
      { run: "service ls --filter name=we --format '{{.Name}}'", out: /^web$/m },
      { run: "service ls --filter label=tier=front --format '{{.Name}}'", out: /^web$/m },
      { run: "service ls --filter mode=global -q", out: /^$/ },
      { run: "service ls --filter nonsense=1", exit: 1, err: /invalid filter/ },
      { run: "service ps web --format '{{.Name}} {{.CurrentState}}'", out: /^web\.3 Running/m },
      { run: "service ps web --filter desired-state=running -q", out: /^(\w{25}\n){3}$/ },
      {
        run: "service ps web --no-trunc -q",
        out: /^\w{25}$/m,
        save: { name: "task", pick: /^(\w{25})/ },
      },
      { run: "service ps nosuch", exit: 1, err: /[Nn]o such service: nosuch/ },
      { run: "service inspect web --format '{{.Spec.Mode.Replicated.Replicas}}'", out: /^3$/m },
      { run: "service inspect @web@ --format '{{.Spec.Name}}'", out: /^web$/m },
      { run: "service inspect --pretty web", out: /Service Mode:\s+Replicated\n\s+Replicas:\s+3/ },
      { run: "service inspect nosuch", exit: 1, err: /[Nn]o such service: nosuch/ },
      { run: "service logs web", out: /web\.\d\.\w+@\S+\s+\| serving 1/, withinMs: 10_000 },
      { run: "service logs --raw --tail 1 web", out: /^serving 1$/m },
      { run: "service logs @task@", out: /serving 1/ },
      {
        run: "service logs nosuch",
        exit: 1,
        err: /[Nn]o such (task or )?service: nosuch|no such task or service/i,
      },
      { run: "inspect @task@ --format '{{.Status.State}}'", out: /^running$/m },
      { run: "inspect --type task @task@ --format '{{.DesiredState}}'", out: /^running$/m },
      { run: "inspect web --format '{{.Spec.Name}}'", out: /^web$/m },
    ],
  },
  {
    title: "updates",
    steps: [
      { run: "service scale web=4", out: /web scaled to 4[\s\S]*4 out of 4/ },
      { run: "service scale --detach web=3", out: /web scaled to 3/ },
      { run: "service scale web=x", exit: 1, err: /invalid replicas value x/ },
      { run: "service scale nosuch=1", exit: 1, err: /nosuch/ },
      {
        run: "service update --no-resolve-image --image skep-web:2 web",
        out: /3 out of 3[\s\S]*converged/,
      },
      {
        run: "service inspect web --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}'",
        out: /^skep-web:2$/m,
      },
      {
        run: "service inspect web --format '{{.UpdateStatus.State}}'",
        out: /^completed$/m,
        withinMs: 5_000,
      },
      { run: "service rollback web", out: /rollback|converged/ },
      {
        run: "service inspect web --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}'",
        out: /^skep-web:1$/m,
      },
      { run: "service update --env-add B=2 --env-rm A --detach web", out: /^web$/m },
      {
        run: "service inspect web --format '{{join .Spec.TaskTemplate.ContainerSpec.Env \",\"}}'",
        out: /^B=2$/m,
      },
      { run: "service update --label-add x=y --detach web", out: /^web$/m },
      { run: "service inspect web --format '{{index .Spec.Labels \"x\"}}'", out: /^y$/m },
      { run: "service update --force --detach web", out: /^web$/m },
      { run: "service update --publish-rm 80 --publish-add 8089:80 --detach web", out: /^web$/m },
      { run: "service ls --format '{{.Ports}}' --filter name=web", out: /^\*:8089->80\/tcp$/m },
      { run: "service update --replicas-max-per-node 2 --detach web", out: /^web$/m },
      {
        run: "service update --update-parallelism 2 --update-order start-first --detach web",
        out: /^web$/m,
      },
      { run: "service inspect web --format '{{.Spec.UpdateConfig.Order}}'", out: /^start-first$/m },
      { run: "service update --update-order sideways web", exit: 1, err: /.+/ },
      { run: "service update --limit-memory 64M --reserve-memory 8M --detach web", out: /^web$/m },
      {
        run: "service inspect web --format '{{.Spec.TaskTemplate.Resources.Limits.MemoryBytes}}'",
        out: /^67108864$/m,
      },
      { run: "service update --constraint-add node.role==manager --detach web", out: /^web$/m },
      { run: "service update --constraint-rm node.role==manager --detach web", out: /^web$/m },
      { run: "service update nosuch", exit: 1, err: /nosuch/ },
    ],
  },
  {
    title: "modes, files and flags",
    steps: [
      {
        run: `${createAndWait} --name agent --mode global skep-web:1`,
        out: /2 out of 2[\s\S]*converged/,
      },
      {
        run: "service ls --filter mode=global --format '{{.Name}} {{.Replicas}}'",
        out: /^agent 2\/2$/m,
      },
      { run: "service scale agent=3", exit: 1, err: /scale can only be used with replicated/ },
      {
        run: `${create} --name once --mode replicated-job --replicas 2 skep-web:1 sh -c 'echo done'`,
        out: /^\w{25}$/m,
      },
      {
        run: "service ls --filter name=once",
        out: /once\s+replicated job\s+\d\/\d \(2\/2 completed\)/,
        withinMs: 15_000,
      },
      { run: `${create} --name each --mode global-job skep-web:1 true`, out: /^\w{25}$/m },
      {
        run: `${createAndWait} --name files --secret password --config source=settings,target=/etc/settings,mode=0440 --config source=templated,target=/etc/name skep-web:1`,
        out: /converged/,
      },
      {
        run: "service inspect files --format '{{(index .Spec.TaskTemplate.ContainerSpec.Secrets 0).SecretName}}'",
        out: /^password$/m,
      },
      { run: "secret rm password", exit: 1, err: /is in use by the following service: files/ },
      { run: "config rm settings", exit: 1, err: /is in use by the following service: files/ },
      { run: "network rm back", exit: 1, err: /in use by service/ },
      { run: "service update --secret-rm password --detach files", out: /^files$/m },
      {
        run: `${create} --name many --constraint node.role==worker --constraint node.platform.os==linux --restart-condition on-failure --restart-max-attempts 2 --restart-delay 1s --stop-grace-period 3s --stop-signal SIGINT --hostname '{{.Node.Hostname}}-{{.Task.Slot}}' --user 0 --workdir /tmp --read-only --init --tty --dns 1.1.1.1 --host me:10.1.1.1 --ulimit nofile=1024:2048 --sysctl net.core.somaxconn=256 --cap-add NET_ADMIN --cap-drop MKNOD --mount type=tmpfs,dst=/tmp,tmpfs-size=1m --mount type=volume,src=vol1,dst=/data --log-driver json-file --log-opt max-size=1m --endpoint-mode dnsrr --network back --health-cmd true --health-interval 1s --container-label c=d --group 5 --placement-pref spread=node.labels.zone skep-web:1`,
        out: /^\w{25}$/m,
      },
      {
        run: "service ls --filter name=many --format '{{.Replicas}}'",
        out: /^1\/1$/m,
        withinMs: 20_000,
      },
      { run: "service inspect --pretty many", out: /Constraints:|Placement:/ },
      {
        run: `${create} --name nowhere --constraint node.labels.zone==nosuch skep-web:1`,
        out: /^\w{25}$/m,
      },
      {
        run: "service ps nowhere --no-trunc --format '{{.Error}}'",
        out: /no suitable node \(scheduling constraints not satisfied on 2 nodes\)/,
        withinMs: 10_000,
      },
    ],
  },
  {
    title: "wrong flags of service create",
    steps: [
      { run: `${create} --replicas -1 skep-web:1`, exit: 125, err: /invalid argument "-1"/ },
      { run: `${create} --mode sometimes skep-web:1`, exit: 1, err: /sometimes/ },
      {
        run: `${create} --mode global --replicas 2 skep-web:1`,
        exit: 1,
        err: /replicas can only be used with replicated/,
      },
      { run: `${create} --publish x:80 skep-web:1`, exit: 125, err: /[Ii]nvalid/ },
      { run: `${create} --name 'a b' skep-web:1`, exit: 1, err: /name/ },
      { run: `${create} --secret nosuch skep-web:1`, exit: 1, err: /secret not found: nosuch/ },
      { run: `${create} --config nosuch skep-web:1`, exit: 1, err: /config not found: nosuch/ },
      { run: `${create} --network nosuch skep-web:1`, exit: 1, err: /network nosuch not found/i },
      { run: `${create} --constraint nonsense skep-web:1`, exit: 1, err: /nonsense|constraint/ },
      { run: `${create} --limit-memory lots skep-web:1`, exit: 125, err: /lots/ },
      { run: `${create} --mount type=nosuch,dst=/x skep-web:1`, exit: 1, err: /nosuch/ },
      { run: `${create} --env-file /no/such skep-web:1`, exit: 1, err: /no such file/ },
      { run: `${create} --endpoint-mode dnsrr -p 1:2 skep-web:1`, exit: 1, err: /dnsrr|VIP|vip/ },
      {
        run: `${create} -p 8089:80 --name clash skep-web:1`,
        exit: 1,
        err: /port '?8089'? is already in use by service/,
      },
      { run: `${create} --update-failure-action explode skep-web:1`, exit: 1, err: /explode/ },
      { run: `${create}`, exit: 1, err: /requires at least 1 argument/ },
      { run: "service ls --filter name=clash -q", out: /^$/ },
    ],
  },
  {
    title: "removing services",
    steps: [
      {
        run: "service rm web agent once each files many nowhere",
        out: /^web\nagent\nonce\neach\nfiles\nmany\nnowhere$/m,
      },
      { run: "service ls -q", out: /^$/ },
      { run: "service rm web", exit: 1, err: /[Nn]o such service: web|service web not found/ },
      { run: "ps -q", out: /^$/, withinMs: 30_000 },
      { run: "network rm back", out: /^back$/m, withinMs: 15_000 },
      { run: "secret rm password", out: /^password$/m },
      { run: "config rm settings templated", out: /settings/ },
    ],
  },
];
