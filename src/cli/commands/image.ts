import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import type { ImageDeleteJson, ImageSummaryJson, ProgressJson } from "../../rest/wire/image.ts";
import { formatTable } from "../format/table.ts";
import { formatAge, formatBytes, shortId } from "../format/units.ts";
import { inspectEach, type OpenSession, type Session } from "../session.ts";

/** `skep image …` */
export function addImageCommands(program: Command, open: OpenSession): void {
  const image = program.command("image").description("Manage the images of this node");
  image
    .command("ls")
    .alias("list")
    .description("List images")
    .option("-q, --quiet", "only ids")
    .option("--no-trunc", "whole ids")
    .action(async (options: { quiet?: boolean; trunc: boolean }) => list(open(), options));
  image
    .command("load")
    .description("Load images from an archive of `docker save` or an OCI layout")
    .option("-i, --input <file>", "archive; standard input without it")
    .option("-q, --quiet", "no progress")
    .action(async (options: { input?: string; quiet?: boolean }) => {
      const upload = options.input === undefined ? process.stdin : createReadStream(options.input);
      await follow(
        open(),
        "/images/load",
        { quiet: options.quiet ? 1 : 0 },
        options.quiet ?? false,
        upload,
      );
    });
  image
    .command("save")
    .description("Write images to an archive")
    .argument("<image...>")
    .requiredOption("-o, --output <file>", "archive to write")
    .action(async (names: string[], options: { output: string }) => {
      const query = new URLSearchParams(names.map((name): [string, string] => ["names", name]));
      const body = await open().client.stream("GET", `/images/get?${query}`);
      await pipeline(body, createWriteStream(options.output));
    });
  image
    .command("pull")
    .description("Fetch an image from its registry")
    .argument("<image>")
    .option("-q, --quiet", "no progress")
    .option("--platform <os/arch>", "another platform than this node's")
    .action(async (name: string, options: { quiet?: boolean; platform?: string }) => {
      const [fromImage, tag] = splitReference(name);
      const query = { fromImage, tag, platform: options.platform };
      await follow(open(), "/images/create", query, options.quiet ?? false);
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
  image
    .command("inspect")
    .description("Show images in full")
    .argument("<image...>")
    .action(async (names: string[]) => {
      const session = open();
      await inspectEach(session, names, (name) => session.client.get(`/images/${name}/json`));
    });
  image
    .command("rm")
    .alias("remove")
    .description("Remove images")
    .argument("<image...>")
    .option("-f, --force", "also with several names")
    .action(async (names: string[], options: { force?: boolean }) => {
      const session = open();
      for (const name of names) {
        const removed = await session.client.delete<ImageDeleteJson[]>(`/images/${name}`, {
          force: options.force ? 1 : 0,
        });
        for (const entry of removed) {
          session.print(
            "Untagged" in entry ? `Untagged: ${entry.Untagged}` : `Deleted: ${entry.Deleted}`,
          );
        }
      }
    });
}

async function list(session: Session, options: { quiet?: boolean; trunc: boolean }): Promise<void> {
  const images = await session.client.get<ImageSummaryJson[]>("/images/json");
  const id = ({ Id }: ImageSummaryJson): string => (options.trunc ? shortId(Id) : Id);
  if (options.quiet === true) {
    for (const image of images) session.print(id(image));
    return;
  }
  const rows = images.flatMap((image) =>
    (image.RepoTags.length > 0 ? image.RepoTags : ["<none>:<none>"]).map((name) => {
      const at = name.lastIndexOf(":");
      const age = formatAge(session.now() - image.Created * 1000);
      return [name.slice(0, at), name.slice(at + 1), id(image), age, formatBytes(image.Size)];
    }),
  );
  session.print(formatTable(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], rows));
}

async function follow(
  session: Session,
  path: string,
  query: Record<string, string | number | undefined>,
  quiet: boolean,
  upload?: NodeJS.ReadStream | ReturnType<typeof createReadStream>,
): Promise<void> {
  const headers = upload === undefined ? {} : { "Content-Type": "application/x-tar" };
  const body = await session.client.stream("POST", path, {
    query,
    headers,
    ...(upload === undefined ? {} : { upload }),
  });
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
