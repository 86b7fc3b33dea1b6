import { type Random, randomInteger } from "../base/random.ts";

const manners =
  "amber bold brisk calm clear cosy dapper eager fair fleet gentle glad grand hardy humble jolly keen kind light lively lucid mellow merry modest neat nimble noble patient plain proud quick quiet ready smart snug spry steady sunny swift tidy vivid warm wise witty";
const creatures =
  "badger bee beaver bison crane crow deer dove duck eagle finch fox gull hare hawk heron ibex jay kite lark linnet lynx marten mole moose mouse newt otter owl panda plover puffin quail raven robin seal shrew stoat stork swan swift tern trout vole wren";

/** A name for a service that was given none, as Docker gives one: "calm_otter". */
export function randomName(random: Random): string {
  const pick = (words: string): string => {
    const list = words.split(" ");
    return list[randomInteger(random, 0, list.length - 1)] ?? "";
  };
  return `${pick(manners)}_${pick(creatures)}`;
}
