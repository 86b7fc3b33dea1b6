import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { ClusterError } from "../../base/errors.ts";
import type { ImageDeleteJson, ImageSummaryJson, ProgressJson } from "../../rest/wire/image.ts";
import type { CallOptions } from "../client.ts";
import { checkFlagFile } from "../flag-file.ts";
import { formatHelp } from "../format/list.ts";
import { formatAge, formatBytes, shortId } from "../format/units.ts";
import { addInspect } from "../inspect.ts";
import { registryAuthHeaders } from "../registry-auth.ts";
import {
  collect,
  filterQuery,
  type OpenSession,
  printList,
  removeEach,
  type Session,
} from "../session.ts";
import { invalid } from "../values.ts";

interface ListOptions {
  all?: boolean;
  filter?: string[];
  quiet?: boolean;
  trunc: boolean;
  format?: string;
}

interface LoadOptions {
  input?: string;
  quiet?: boolean;
}

interface PullOptions {
  quiet?: boolean;
  platform?: string;
}

const columns = [
  ["REPOSITORY", "Repository"],
  ["TAG", "Tag"],
  ["IMAGE ID", "ID"],
  ["CREATED", "CreatedSince"],
  ["SIZE", "Size"],
  ["DIGEST", "Digest", "hidden"],
  ["CREATED AT", "CreatedAt", "hidden"],
] as const;

/** `skep image …`, and docker's short forms: images, load, pull, rmi. */
export function addImageCommands(program: Command, open: OpenSession): void {
  const image = program.command("image").description("Manage the images of this node");
  addList(image, "ls", open).alias("list");
  addList(program, "images", open);
  addLoad(image, open);
  addLoad(program, open);
  addPull(image, open);
  addPull(program, open);
  addRemove(image, "rm", open).alias("remove");
  addRemove(program, "rmi", open);
  addOthers(image, open);
}

function addList(parent: Command, name: string, open: OpenSession): Command {
  return parent
    .command(name)
    .description("List images")
    .argument("[repository]", "only this repository[:tag]")
    .option("-a, --all", "accepted; there are no intermediate images")
    .option("-f, --filter <filter>", "key=value", collect)
    .option("-q, --quiet", "only ids")
    .option("--no-trunc", "whole ids")
    .option("--format <format>", formatHelp)
    .action(async (repository: string | undefined, options: ListOptions) =>
      list(open(), repository, options),
    );
}

function addLoad(parent: Command, open: OpenSession): void {
  parent
    .command("load")
    .description("Load images from an archive of `docker save` or an OCI layout")
    .option("-i, --input <file>", "archive; standard input without it")
    .option("-q, --quiet", "no progress")
    .action(async ({ input, quiet = false }: LoadOptions) => {
      if (input === undefined && process.stdin.isTTY) {
        throw new ClusterError("INVALID_ARGUMENT", "name an archive with --input, or pipe it in");
      }
      if (input !== undefined) await checkFlagFile("--input", input, "read");
      const upload = input === undefined ? process.stdin : createReadStream(input);
      await follow(open(), "/images/load", { query: { quiet: quiet ? 1 : 0 }, upload }, quiet);
    });
}

function addPull(parent: Command, open: OpenSession): void {
  parent
    .command("pull")
    .description("Fetch an image from its registry")
    .argument("<image>")
    .option("-q, --quiet", "no progress")
    .option("--platform <os/arch>", "another platform than this node's")
    .action(async (name: string, { quiet = false, platform }: PullOptions) => {
      if (platform !== undefined && !/^\w+\/[\w.-]+(\/[\w.-]+)?$/.test(platform)) {
        throw invalid("--platform", platform, "os/arch[/variant] such as linux/arm64");
      }
      const [fromImage, tag] = splitReference(name);
      const options = {
        query: { fromImage, tag, platform },
        headers: await registryAuthHeaders(name),
      };
      await follow(open(), "/images/create", options, quiet);
    });
}

function addRemove(parent: Command, name: string, open: OpenSession): Command {
  return parent
    .command(name)
    .description("Remove images")
    .argument("<image...>")
    .option("-f, --force", "also with several names")
    .action(async (names: string[], options: { force?: boolean }) => {
      const session = open();
      await removeEach(session, names, async (name) => {
        const removed = await session.client.delete<ImageDeleteJson[]>(`/images/${name}`, {
          force: options.force ? 1 : 0,
        });
        return removed
          .map((entry) =>
            "Untagged" in entry ? `Untagged: ${entry.Untagged}` : `Deleted: ${entry.Deleted}`,
          )
          .join("\n");
      });
    });
}

function addOthers(image: Command, open: OpenSession): void {
  image
    .command("save")
    .description("Write images to an archive")
    .argument("<image...>")
    .requiredOption("-o, --output <file>", "archive to write")
    .action(async (names: string[], options: { output: string }) => {
      await checkFlagFile("--output", options.output, "written");
      const query = new URLSearchParams(names.map((name): [string, string] => ["names", name]));
      const body = await open().client.stream("GET", `/images/get?${query}`);
      await pipeline(body, createWriteStream(options.output));
    });
  image
    .command("tag")
    .description("Give an image a further name")
    .argument("<image>")
    .argument("<name>")
    .action(async (name: string, target: string) => {
      const [repo, tag] = splitReference(target);
      await open().client.post(`/images/${name}/tag`, { query: { repo, tag } });
    });
  addInspect(image, open, {
    description: "Show images in full",
    argument: "<image...>",
    get: (session, name) => session.client.get(`/images/${name}/json`),
  });
}

async function list(
  session: Session,
  repository: string | undefined,
  options: ListOptions,
): Promise<void> {
  const more = repository === undefined ? {} : { reference: [repository] };
  const images = await session.client.get<ImageSummaryJson[]>("/images/json", {
    filters: filterQuery(options.filter, more),
  });
  const id = ({ Id }: ImageSummaryJson): string => (options.trunc ? shortId(Id) : Id);
  if (options.quiet === true) {
    for (const image of images) session.print(id(image));
    return;
  }
  const rows = images.flatMap((image) =>
    (image.RepoTags.length > 0 ? image.RepoTags : ["<none>:<none>"]).map((name) => {
      const at = name.lastIndexOf(":");
      const age = formatAge(session.now() - image.Created * 1000);
      const repository = name.slice(0, at);
      const digest = image.RepoDigests.find((text) => text.startsWith(`${repository}@`));
      return [
        repository,
        name.slice(at + 1),
        id(image),
        age,
        formatBytes(image.Size),
        digest?.slice(repository.length + 1) ?? "<none>",
        new Date(image.Created * 1000).toISOString(),
      ];
    }),
  );
  printList(session, columns, rows, options);
}

// Prints the lines of progress; an error may come among them, after the answer began.
async function follow(
  session: Session,
  path: string,
  options: CallOptions,
  quiet: boolean,
): Promise<void> {
  const headers =
    options.upload === undefined ? options.headers : { "Content-Type": "application/x-tar" };
  const body = await session.client.stream(
    "POST",
    path,
    { ...options, ...(headers === undefined ? {} : { headers }) },
    session.interrupted,
  );
  for await (const line of createInterface({ input: body })) {
    if (line.trim() === "") continue;
    const { error, stream, status, id, progressDetail } = JSON.parse(line) as ProgressJson;
    if (error !== undefined) throw new Error(error);
    if (stream !== undefined) session.print(stream.trimEnd());
    else if (!quiet && progressDetail?.current === undefined && status !== undefined) {
      session.print(id ? `${id}: ${status}` : status);
    }
  }
}

// "host:5000/name:tag" -> name and tag; a digest counts as tag.
function splitReference(text: string): [string, string] {
  const at = text.indexOf("@");
  if (at >= 0) return [text.slice(0, at), text.slice(at + 1)];
  const colon = text.lastIndexOf(":");
  return colon > text.lastIndexOf("/")
    ? [text.slice(0, colon), text.slice(colon + 1)]
    : [text, "latest"];
}
