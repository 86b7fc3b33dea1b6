import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { ClusterError } from "../../base/errors.ts";
import type { DryRunResponseJson } from "../../rest/wire/dry-run.ts";
import { ApiError } from "../client.ts";
import { deployStack } from "../compose/deploy/deploy-stack.ts";
import { makePlan } from "../compose/deploy/make-plan.ts";
import { hasChanges, type StackPlan } from "../compose/deploy/plan-stack.ts";
import { diffText, placementText } from "../compose/deploy/print-diff.ts";
import type { ResolveImage } from "../compose/deploy/resolve-images.ts";
import type { ComposeSource } from "../compose/load.ts";
import { checkStackName } from "../compose/names.ts";
import { configText } from "../compose/print-config.ts";
import { problemLine } from "../compose/problems.ts";
import { readStack } from "../compose/read-stack.ts";
import type { StackModel } from "../compose/stack-model.ts";
import { readFlagFile } from "../flag-file.ts";
import { collect, type OpenSession, type Session } from "../session.ts";
import { parseChoice, parseDuration } from "../values.ts";
import { addStackLists } from "./stack-lists.ts";
import { addStackRemoval } from "./stack-removal.ts";

interface FileOptions {
  readonly composeFile?: readonly string[];
}

interface DiffOptions extends FileOptions {
  readonly prune?: boolean;
  readonly resolveImage: string;
}

interface DeployFlags extends DiffOptions {
  readonly withRegistryAuth?: boolean;
  readonly detach: boolean;
  readonly quiet?: boolean;
  readonly dryRun?: boolean;
  readonly waitTimeout: string;
}

/** What `diff` and `deploy --dry-run` end with when a deploy would change something. */
const changesExitCode = 2;

/** `skep stack …` */
export function addStackCommands(program: Command, open: OpenSession): void {
  const stack = program
    .command("stack")
    .description("Manage stacks of services from compose files");
  withPlanFlags(
    stack
      .command("deploy")
      .alias("up")
      .description("Create a stack, or bring it up to its compose files")
      .argument("<stack>"),
  )
    .option("-d, --detach", "do not wait until the services have converged", true)
    .option("--no-detach", "wait (also: --detach=false)")
    .option("-q, --quiet", "no progress")
    .option("--with-registry-auth", "give the nodes this client's credentials for the registry")
    .option(
      "--dry-run",
      "show the changes and where tasks would run; change nothing (exit code 2: there are changes)",
    )
    .option("--wait-timeout <duration>", "how long a service may wait for one it depends on", "10m")
    .action(async (name: string, flags: DeployFlags) => deploy(open(), name, flags));
  withPlanFlags(
    stack
      .command("diff")
      .description(
        "Show what deploy would create, change and remove (exit code 2: there are changes)",
      )
      .argument("<stack>"),
  ).action(async (name: string, options: DiffOptions) => diff(open(), name, options));
  withFiles(
    stack
      .command("config")
      .description("Print the compose files merged, filled in and in long forms"),
  ).action(async (options: FileOptions) => {
    const { model, warnings } = await readModel(options);
    for (const warning of warnings) process.stderr.write(`WARNING: ${warning}\n`);
    process.stdout.write(`${configText(model)}\n`);
  });
  addStackRemoval(stack, open);
  addStackLists(stack, open);
}

function withFiles(command: Command): Command {
  return command.option(
    "-c, --compose-file <file>",
    "compose file, or - for standard input; several are merged",
    collect,
  );
}

function withPlanFlags(command: Command): Command {
  return withFiles(command)
    .option("--prune", "remove services that are no longer in the files")
    .option(
      "--resolve-image <when>",
      "ask the registry for digests: always, changed, never",
      "always",
    );
}

async function deploy(session: Session, name: string, flags: DeployFlags): Promise<void> {
  const waitTimeoutMs = parseDuration("--wait-timeout", flags.waitTimeout) / 1e6;
  const { plan, secrets } = await planOf(session, name, flags);
  if (flags.dryRun === true) {
    await showPlan(session, plan, secrets, flags.prune ?? false);
    return;
  }
  await deployStack(session, plan, {
    prune: flags.prune ?? false,
    withRegistryAuth: flags.withRegistryAuth ?? false,
    detach: flags.detach,
    quiet: flags.quiet ?? false,
    waitTimeoutMs,
  });
}

async function diff(session: Session, name: string, options: DiffOptions): Promise<void> {
  const prune = options.prune ?? false;
  const { plan, secrets } = await planOf(session, name, options);
  const known = await tryDryRun(session, plan, secrets, prune);
  const complete = known === undefined ? plan : withChangedSecrets(plan, known.ChangedSecrets);
  tellChanges(session, complete, prune);
}

async function showPlan(
  session: Session,
  plan: StackPlan,
  secrets: StackPlan["secrets"],
  prune: boolean,
): Promise<void> {
  const result = await dryRun(session, plan, secrets, prune);
  tellChanges(session, withChangedSecrets(plan, result.ChangedSecrets), prune);
  session.print(`\nPlacement:\n${placementText(result)}`);
}

function tellChanges(session: Session, plan: StackPlan, prune: boolean): void {
  for (const warning of plan.warnings) session.warn(warning);
  const shown = diffText(plan, prune);
  session.print(shown === "" ? "no changes" : shown);
  if (hasChanges(plan, prune)) process.exitCode = changesExitCode;
}

async function planOf(
  session: Session,
  name: string,
  options: DiffOptions,
): Promise<{ plan: StackPlan; secrets: StackPlan["secrets"] }> {
  checkStackName(name);
  const when: ResolveImage = parseChoice("--resolve-image", options.resolveImage, [
    "always",
    "changed",
    "never",
  ]);
  const { model, warnings } = await readModel(options);
  for (const warning of warnings) session.warn(warning);
  const plan = await makePlan(session, name, model, when);
  return { plan, secrets: plan.secrets.filter(({ action }) => action === "check") };
}

async function dryRun(
  session: Session,
  plan: StackPlan,
  secrets: StackPlan["secrets"],
  prune: boolean,
): Promise<DryRunResponseJson> {
  return await session.client.post<DryRunResponseJson>("/services/dry-run", {
    body: {
      Services: plan.services.map(({ spec }) => spec),
      RemovedServices: prune ? plan.orphans.map(({ ID }) => ID) : [],
      Secrets: secrets.map(({ request }) => request),
    },
  });
}

// A dockerd has no such route: there a secret's data cannot be compared.
async function tryDryRun(
  ...args: Parameters<typeof dryRun>
): Promise<DryRunResponseJson | undefined> {
  try {
    return await dryRun(...args);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 405))
      return undefined;
    throw error;
  }
}

function withChangedSecrets(plan: StackPlan, names: readonly string[]): StackPlan {
  const secrets = plan.secrets.map((step) =>
    names.includes(step.request.Name) ? { ...step, action: "changed" as const } : step,
  );
  return { ...plan, secrets };
}

/** Reads the files that `-c` names. INVALID_ARGUMENT with all problems, each with its place. */
async function readModel({
  composeFile = [],
}: FileOptions): Promise<{ model: StackModel; warnings: string[] }> {
  const paths = composeFile.flatMap((path) => path.split(","));
  const first = paths[0];
  if (first === undefined) {
    throw new ClusterError("INVALID_ARGUMENT", "name a compose file with -c (- is standard input)");
  }
  const sources: ComposeSource[] = [];
  for (const file of paths) {
    const content =
      file === "-" ? await text(process.stdin) : await readFlagFile("--compose-file", file);
    sources.push({ file, text: content });
  }
  const folder = first === "-" ? process.cwd() : dirname(resolve(first));
  const { model, problems } = readStack(sources, folder, (name) => process.env[name], {
    readBytes: (path) =>
      existsSync(path) && statSync(path).isFile() ? readFileSync(path) : undefined,
  });
  problems.check();
  return { model, warnings: problems.warnings.map(problemLine) };
}
