import { ClusterError, errorMessage } from "../base/errors.ts";
import type { TemplateFunction } from "../base/template/functions.ts";
import { Template } from "../base/template/template.ts";

/** What placeholders of a service may name: {{.Service.Name}}, {{.Node.Hostname}}, {{.Task.Slot}}… (Docker `service create`). */
export interface PlaceholderContext {
  readonly Service: {
    readonly ID: string;
    readonly Name: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly Node: {
    readonly ID: string;
    readonly Hostname: string;
    readonly Platform: { readonly Architecture: string; readonly OS: string };
  };
  readonly Task: { readonly ID: string; readonly Name: string; readonly Slot: string };
}

/**
 * Fills in the placeholders of a hostname, an environment variable, a mount source, or of a secret or config with a template
 * driver, for which `functions` are more. INVALID_ARGUMENT naming the text when it is wrong.
 */
export function fillPlaceholders(
  text: string,
  context: PlaceholderContext,
  functions: Readonly<Record<string, TemplateFunction>> = {},
): string {
  if (!text.includes("{{")) return text;
  try {
    return new Template(text, { functions }).render(context);
  } catch (error) {
    const shown = text.length > 100 ? `${text.slice(0, 99)}…` : text;
    throw new ClusterError(
      "INVALID_ARGUMENT",
      `placeholders in "${shown}": ${errorMessage(error)}; use .Service, .Node or .Task`,
      { cause: error },
    );
  }
}

/** A context to try placeholders with before there is a task. */
export function probeContext(labels: Readonly<Record<string, string>>): PlaceholderContext {
  return {
    Service: { ID: "", Name: "", Labels: labels },
    Node: { ID: "", Hostname: "", Platform: { Architecture: "", OS: "" } },
    Task: { ID: "", Name: "", Slot: "" },
  };
}
