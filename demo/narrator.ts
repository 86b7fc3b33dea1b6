/** Tells the demo's story on standard output: numbered steps, quoted output, measured figures. */
export interface Narrator {
  step(title: string): void;
  say(text: string): void;
  /** Output of a command, indented. */
  quote(text: string): void;
  figure(what: string, value: string): void;
}

export function narrator(): Narrator {
  let steps = 0;
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  return {
    step(title) {
      steps += 1;
      print(`\n${steps}. ${title}`);
    },
    say: (text) => print(`   ${text}`),
    quote: (text) => print(text.trimEnd().replace(/^/gm, "   | ")),
    figure: (what, value) => print(`   ${`${what} `.padEnd(70, ".")} ${value}`),
  };
}
