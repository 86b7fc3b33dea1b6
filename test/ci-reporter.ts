import mocha from "mocha";

/** The spec reporter plus one plain closing line that any runner can read. */
export default class CiReporter extends mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
  }
}
