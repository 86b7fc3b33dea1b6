import type { StepGroup } from "../../support/command-steps.ts";

const run = "run --rm skep-web:1";
const runWith = (flags: string, command: string): string =>
  `run --rm ${flags} skep-web:1 ${command}`;

/** Flags of `docker run`: what a container may do, has and is limited to. */
export const runSteps: readonly StepGroup[] = [
  {
    title: "docker run: what a container may do",
    steps: [
      { run: `${run} grep CapEff /proc/self/status`, out: /00000000a80425fb$/m },
      { run: `${run} mount -t tmpfs tmpfs /tmp`, exit: 1, err: /permission denied/ },
      { run: runWith("--privileged", "mount -t tmpfs tmpfs /tmp") },
      { run: runWith("--cap-add SYS_ADMIN", "grep CapEff /proc/self/status"), out: /a82425fb$/m },
      { run: runWith("--cap-drop ALL", "grep CapEff /proc/self/status"), out: /\s0{16}$/m },
      {
        run: runWith("--cap-drop ALL --cap-add CHOWN", "grep CapEff /proc/self/status"),
        out: /\s0{15}1$/m,
      },
      { run: runWith("--cap-add FLY", "true"), exit: 125, err: /CAP_FLY/ },
      {
        run: runWith("--security-opt no-new-privileges", "grep NoNew /proc/self/status"),
        out: /1/,
      },
      { run: runWith("--security-opt nonsense", "true"), exit: 125, err: /nonsense/ },
      { run: runWith("--device /dev/null:/dev/sink", "sh -c 'echo x > /dev/sink'") },
      {
        run: "create --name reader --device /dev/null:/dev/sink:r skep-web:1",
        out: /^[0-9a-f]{64}$/m,
      },
      {
        run: "inspect reader --format '{{.HostConfig.Devices}}'",
        out: /^\[{\/dev\/null \/dev\/sink r}\]$/m,
      },
      { run: "rm reader", out: /^reader$/m },
      // 127 by the CLI: it takes "no such file" for the program's.
      { run: runWith("--device /dev/nosuch", "true"), exit: 127, err: /\/dev\/nosuch/ },
      { run: runWith("--device /dev/null:/dev/x:z", "true"), exit: 125, err: /.+/ },
      {
        run: runWith("--read-only --tmpfs /run", "sh -c 'touch /run/x && ! touch /x 2>/dev/null'"),
      },
      { run: runWith("--tmpfs relative", "true"), exit: 125, err: /relative|absolute/ },
      { run: runWith("--user 5:6 --group-add 7", "sh -c 'id -u; id -G'"), out: /^5\n6 7$/m },
      { run: runWith("--group-add nosuch", "true"), exit: 125, err: /nosuch/ },
    ],
  },
  {
    title: "docker run: namespaces and settings",
    steps: [
      { run: runWith("--pid host", "sh -c 'test $(ls -d /proc/[0-9]* | wc -l) -gt 5'") },
      { run: runWith("--ipc host", "test -d /dev/shm") },
      { run: runWith("--uts host", "hostname"), out: /./ },
      { run: runWith("--uts host --hostname x", "true"), exit: 125, err: /onflicting options/ },
      { run: runWith("--pid nosuch", "true"), exit: 125, err: /invalid PID mode/ },
      { run: runWith("--uts nosuch", "true"), exit: 125, err: /invalid UTS mode/ },
      { run: runWith("--ipc nosuch", "true"), exit: 125, err: /IPC mode|--ipc nosuch/i },
      { run: runWith("--init", "sh -c 'test $$ -gt 1'") },
      { run: `${run} sh -c 'test $$ -eq 1'` },
      {
        run: runWith("--sysctl net.core.somaxconn=256", "cat /proc/sys/net/core/somaxconn"),
        out: /^256$/m,
      },
      { run: runWith("--sysctl vm.swappiness=1", "true"), exit: 125, err: /vm\.swappiness/ },
      { run: runWith("--ulimit nofile=100:50", "true"), exit: 125, err: /.+/ },
      { run: runWith("--ulimit nosuch=1", "true"), exit: 125, err: /invalid ulimit type: nosuch/ },
      { run: runWith("--oom-score-adj 100", "cat /proc/self/oom_score_adj"), out: /^100$/m },
      { run: runWith("--oom-score-adj 5000", "true"), exit: 125, err: /5000|-1000/ },
      { run: runWith("--shm-size 2m", "df -k /dev/shm"), out: /\s2048\s/ },
      { run: runWith("--memory 20m --memory-swap 10m", "true"), exit: 125, err: /emory ?swap/ },
      { run: runWith("--cpus 1000", "true"), exit: 125, err: /CPUs/ },
      { run: runWith("--cpuset-cpus 900", "true"), exit: 125, err: /900/ },
      { run: runWith("--pids-limit 50", "true") },
      { run: runWith("--domainname example.com --hostname box", "hostname -f"), out: /^box/ },
      { run: runWith("--dns 192.0.2.7 --dns-search a.b", "cat /etc/resolv.conf"), out: /a\.b/ },
      { run: runWith("--dns nonsense", "true"), exit: 125, err: /nonsense/ },
      { run: runWith("--add-host nonsense", "true"), exit: 125, err: /nonsense/ },
      { run: runWith("--env-file password.txt", "env"), exit: 0 },
      { run: runWith("--env-file nosuch.txt", "true"), exit: 125, err: /nosuch\.txt/ },
      { run: runWith("--log-driver nosuch", "true"), exit: 125, err: /nosuch/ },
      { run: runWith("--log-opt nosuch=1", "true"), exit: 125, err: /nosuch/ },
      { run: runWith("--stop-signal SIGNOPE", "true"), exit: 125, err: /SIGNOPE/ },
      { run: runWith("--nonsense", "true"), exit: 125, err: /unknown flag: --nonsense/ },
      { run: runWith("--name a/b", "true"), exit: 125, err: /Invalid container name|a\/b/ },
      { run: runWith("-w relative", "true"), exit: 125, err: /relative/ },
      { run: runWith("-p 70000:80", "true"), exit: 125, err: /70000/ },
      { run: runWith("--network none -p 8085:80", "true") },
      { run: runWith("--network host", "test -d /sys/class/net/lo") },
      { run: runWith("--network container:nosuch", "true"), exit: 125, err: /nosuch/ },
      { run: runWith("--ip 10.9.9.9", "true"), exit: 125, err: /user (configured|specified)/i },
    ],
  },
  {
    title: "docker run: restarts and health",
    steps: [
      {
        run: "run -d --name again --restart on-failure:2 skep-web:1 sh -c 'exit 3'",
        out: /^[0-9a-f]{64}$/m,
      },
      {
        run: "inspect again --format '{{.RestartCount}} {{.State.ExitCode}} {{.State.Status}}'",
        out: /^2 3 exited$/m,
        withinMs: 10_000,
      },
      { run: "ps -a --filter exited=3 --format '{{.Names}}'", out: /^again$/m },
      { run: "update --restart no again", out: /^again$/m },
      { run: "inspect again --format '{{.HostConfig.RestartPolicy.Name}}'", out: /^no$/m },
      { run: "update --restart sometimes again", exit: 1, err: /sometimes/ },
      { run: "update --memory 1k again", exit: 1, err: /[Mm]inimum memory limit/ },
      { run: "run -d --restart sometimes skep-web:1", exit: 125, err: /sometimes/ },
      { run: "run -d --restart always:3 skep-web:1", exit: 125, err: /[Mm]aximum retry count/ },
      {
        run: "run -d --name well --health-cmd 'test -e /ok' --health-interval 300ms --health-retries 2 --health-timeout 2s skep-web:1 sleep 1000",
        out: /^[0-9a-f]{64}$/m,
      },
      {
        run: "inspect well --format '{{.State.Health.Status}}'",
        out: /^unhealthy$/m,
        withinMs: 10_000,
      },
      { run: "ps --filter health=unhealthy --format '{{.Status}}'", out: /^Up .* \(unhealthy\)$/m },
      { run: "exec well touch /ok" },
      { run: "ps --filter health=healthy --format '{{.Names}}'", out: /^well$/m, withinMs: 10_000 },
      { run: "inspect well --format '{{.Config.Healthcheck.Test}}'", out: /^\[CMD-SHELL test -e/m },
      { run: runWith("--health-cmd true --health-interval 1us", "true"), exit: 125, err: /.+/ },
      { run: runWith("--health-cmd true --health-retries -1", "true"), exit: 125, err: /.+/ },
      { run: runWith("--no-healthcheck --health-cmd true", "true"), exit: 125, err: /.+/ },
      { run: "run -d --name blind --no-healthcheck skep-web:1 sleep 1000", out: /^\w{64}$/m },
      { run: "inspect blind --format '{{json .State.Health}}'", out: /^(null)?$/m },
      { run: "rm -f well blind again", out: /^well\nblind\nagain$/m },
    ],
  },
];
