import type { Command } from "commander";

/** Command lines for the help of each command, by the words that lead to it. A unit test has all of them read by the commands themselves. */
export const examples: Readonly<Record<string, readonly string[]>> = {
  "swarm init": [
    "skep swarm init --advertise-addr 10.0.0.1",
    "skep swarm init --advertise-addr eth1 --default-addr-pool 10.20.0.0/16 --autolock",
  ],
  "swarm join": [
    "skep swarm join --token SWMTKN-1-3pu6hszjas19xyp7ghgosyx9k-8cxj2vsqpsnfb9xz1hu7ukzmy 10.0.0.1:2377",
  ],
  "swarm join-token": ["skep swarm join-token worker", "skep swarm join-token --rotate manager"],
  "swarm update": [
    "skep swarm update --autolock=true",
    "skep swarm update --task-history-limit 2 --dispatcher-heartbeat 10s",
  ],
  "swarm ca": [
    "skep swarm ca",
    "skep swarm ca --rotate",
    "skep swarm ca --rotate --ca-cert root.pem --ca-key root.key",
  ],
  "swarm unlock": ["skep swarm unlock", "skep swarm unlock < unlock.key"],
  "swarm unlock-key": ["skep swarm unlock-key -q", "skep swarm unlock-key --rotate"],
  "swarm backup": ["skep swarm backup --key-file swarm.key swarm.backup"],
  "swarm restore": [
    "skep swarm restore --key-file swarm.key --advertise-addr 10.0.0.1 swarm.backup",
  ],
  "swarm leave": ["skep swarm leave", "skep swarm leave --force"],
  "node ls": [
    "skep node ls --filter role=manager",
    "skep node ls --format '{{.Hostname}} {{.Status}}'",
  ],
  "node inspect": [
    "skep node inspect --pretty self",
    "skep node inspect -f '{{.Status.Addr}}' host2",
  ],
  "node ps": ["skep node ps host2", "skep node ps --filter desired-state=running host1 host2"],
  "node update": [
    "skep node update --label-add zone=north host2",
    "skep node update --availability drain host2",
  ],
  "node drain": ["skep node drain --wait host2 && ssh host2 reboot"],
  "node promote": ["skep node promote host2 host3"],
  "node demote": ["skep node demote host3"],
  "node rm": ["skep node rm host4", "skep node rm --force host4"],
  "service create": [
    "skep service create --name web --replicas 3 -p 8080:80 nginx:1.27",
    "skep service create --name db --mount source=data,target=/var/lib/db --secret password db:2",
    "skep service create --name agent --mode global --constraint node.role==worker agent:1",
    "skep service create --name nightly --mode replicated-job --schedule '30 3 * * *' backup:1",
  ],
  "service update": [
    "skep service update --image nginx:1.28 --update-parallelism 2 --update-order start-first web",
    "skep service update --env-add LOG=debug --publish-rm 80 --publish-add 8081:80 web",
    "skep service update --rollback web",
  ],
  "service rollback": ["skep service rollback web"],
  "service scale": ["skep service scale web=5 api=2"],
  "service rm": ["skep service rm web api"],
  "service rebalance": ["skep service rebalance web"],
  "service ls": ["skep service ls --filter label=tier=front", "skep service ls --format json"],
  "service ps": [
    "skep service ps --no-trunc web",
    "skep service ps -f desired-state=running web api",
  ],
  "service inspect": [
    "skep service inspect --pretty web",
    "skep service inspect -f '{{json .Spec.Labels}}' web",
  ],
  "service logs": ["skep service logs -f --tail 20 web", "skep service logs --since 10m -t web"],
  "stack deploy": [
    "skep stack deploy -c compose.yml shop",
    "skep stack deploy -c compose.yml -c production.yml --prune --detach=false shop",
    "skep stack deploy -c compose.yml --dry-run shop",
  ],
  "stack diff": ["skep stack diff -c compose.yml shop"],
  "stack config": ["skep stack config -c compose.yml -c production.yml"],
  "stack rm": ["skep stack rm shop"],
  "stack ls": ["skep stack ls", "skep stack ls -q --filter name=shop"],
  "stack services": ["skep stack services shop"],
  "stack ps": ["skep stack ps --filter desired-state=running shop"],
  "network create": [
    "skep network create back",
    "skep network create --subnet 10.30.0.0/24 --attachable --internal db-net",
  ],
  "network ls": ["skep network ls --filter driver=overlay"],
  "network inspect": ["skep network inspect --verbose back"],
  "network rm": ["skep network rm back"],
  "secret create": [
    "skep secret create password password.txt",
    "printf hush | skep secret create password -",
  ],
  "secret ls": ["skep secret ls --filter name=pass"],
  "secret inspect": ["skep secret inspect --pretty password"],
  "secret rm": ["skep secret rm password"],
  "config create": [
    "skep config create site site.conf",
    "skep config create --template-driver golang site site.conf",
  ],
  "config ls": ["skep config ls -q"],
  "config inspect": ["skep config inspect --pretty site"],
  "config rm": ["skep config rm site"],
  "volume create": [
    "skep volume create data",
    "skep volume create --label tier=db -o type=tmpfs -o device=tmpfs scratch",
  ],
  "volume ls": ["skep volume ls --filter dangling=true"],
  "volume inspect": ["skep volume inspect -f '{{.Mountpoint}}' data"],
  "volume rm": ["skep volume rm data"],
  "volume prune": ["skep volume prune --force", "skep volume prune --all --force"],
  "image ls": ["skep image ls", "skep image ls --no-trunc nginx"],
  "image load": ["skep image load -i web.tar"],
  "image pull": ["skep image pull nginx:1.27"],
  "image rm": ["skep image rm nginx:1.26"],
  "image save": ["skep image save -o web.tar nginx:1.27"],
  "image tag": ["skep image tag nginx:1.27 10.0.0.1:5000/nginx:1.27"],
  "image inspect": ["skep image inspect -f '{{.Config.Cmd}}' nginx:1.27"],
  images: ["skep images nginx"],
  load: ["docker save web:1 | skep load"],
  pull: ["skep pull --platform linux/arm64 nginx:1.27"],
  rmi: ["skep rmi --force nginx:1.26"],
  ps: ["skep ps", "skep ps -a --filter label=com.docker.swarm.service.name=web"],
  exec: ["skep exec -it web.1.4xmq1v2dgexlmpuj0e0hk1shr sh"],
  logs: ["skep logs --tail 20 -f web.1.4xmq1v2dgexlmpuj0e0hk1shr"],
  inspect: ["skep inspect -f '{{.State.Pid}}' web.1.4xmq1v2dgexlmpuj0e0hk1shr"],
  version: ["skep version", "skep version --format '{{.Server.Version}}'"],
  info: ["skep info", "skep info --format '{{.Swarm.LocalNodeState}}'"],
  events: [
    "skep events --since 10m --filter type=service",
    "skep events --format '{{.Type}} {{.Action}}'",
  ],
  "context create": ["skep context create test --host tcp://10.0.0.1:2375"],
  "context ls": ["skep context ls"],
  "context use": ["skep context use test"],
  "context show": ["skep context show"],
  "context inspect": ["skep context inspect test"],
  "context rm": ["skep context rm test"],
  completion: [
    "source <(skep completion bash)",
    "source <(skep completion zsh)",
    "skep completion fish | source",
  ],
};

/** What `skep --help` begins with; the commands are not loaded then. */
const firstSteps: readonly string[] = [
  "skep swarm init --advertise-addr 10.0.0.1",
  "skep service create --name web --replicas 3 -p 8080:80 nginx:1.27",
  "skep node ls",
];
const shownOfGroup = 4;

/** Adds an `Examples:` part to the help of this command and of all below it; a noun shows the first example of its first verbs. */
export function addExamples(command: Command, path: string): void {
  const inner = command.commands.map((each) => `${path} ${each.name()}`.trim());
  const lines =
    examples[path] ??
    (path === "" ? firstSteps : inner.flatMap((each) => examples[each]?.[0] ?? []));
  if (lines.length > 0) {
    const shown = inner.length > 0 ? lines.slice(0, shownOfGroup) : lines;
    command.addHelpText("after", `\nExamples:\n${shown.map((line) => `  ${line}`).join("\n")}`);
  }
  for (const each of command.commands) addExamples(each, `${path} ${each.name()}`.trim());
}
