import type { DriverJson, ObjectJson } from "./common.ts";

/** GET /configs/{id}. Data is base64. */
export interface ConfigJson extends ObjectJson {
  Spec: {
    Name: string;
    Labels: Record<string, string>;
    Data: string;
    Templating?: DriverJson;
  };
}
