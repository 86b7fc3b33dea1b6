const names = "ours names what was given and what to give instead";

/** Why the two daemons answer a command differently; the first that fits counts. Every difference has to have one. */
export const reasons: readonly { readonly command: RegExp; readonly why: string }[] = [
  { command: /--advertise-addr (300|nosuch)/, why: names },
  { command: /--data-path-port|--default-addr-pool/, why: names },
  {
    command: /swarm init .*--cert-expiry/,
    why: "ours checks before anything is made; Docker Engine says no, and is in a swarm nevertheless",
  },
  { command: /swarm update --cert-expiry/, why: names },
  { command: /swarm join/, why: "ours says what is wrong with the token" },
  { command: /--availability often/, why: names },
  { command: /node demote/, why: names },
  { command: /image inspect nosuch/, why: "the CLI asks newer daemons in another way" },
  { command: /^inspect --type image/, why: "the CLI asks newer daemons in another way" },
  { command: /^(pull|login) /, why: "the words of Node's network errors instead of Go's" },
  {
    command: /--opt encrypted/,
    why: "overlays are not encrypted here, and what was asked to be so is not made open in silence",
  },
  { command: /network create/, why: names },
  { command: /(secret|config) create (a|--driver)/, why: names },
  {
    command: /--template-driver jinja/,
    why: "Docker Engine takes any driver, and tasks that use the config are rejected later; ours refuses it at once",
  },
  { command: /service (create|update)/, why: names },
  {
    command: /^run .*(nosuchprogram|passwd)/,
    why: "there is no containerd between: its words around those of runc are left out",
  },
  {
    command: /^run .*--privileged/,
    why: "Docker Engine asks for every capability of the kernel, and the host of this run had not all; ours gives those that there are",
  },
  { command: /^(run|create|ps|update) /, why: names },
  { command: /^(service|node|image|volume) .*--filter /, why: names },
  {
    command: /^events .*nonsense/,
    why: "Docker Engine passes over a filter that it does not know; ours refuses it",
  },
  {
    command: /^exec .*nosuch/,
    why: "exit codes and words are those of Docker Engine 28; the one compared with is older",
  },
  {
    command: /^(rm uno|kill bye)/,
    why: "the words are those of Docker Engine 28; the one compared with is older",
  },
  { command: /^swarm leave$/, why: "the text ends in the words of Docker Engine 28" },
];
