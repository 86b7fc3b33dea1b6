import type { DriverJson, ObjectJson } from "./common.ts";

/** GET /secrets/{id}: never the data. */
export interface SecretJson extends ObjectJson {
  Spec: {
    Name: string;
    Labels: Record<string, string>;
    Driver?: DriverJson;
    Templating?: DriverJson;
  };
}
