import type { ObjectJson } from "./common.ts";
import type { PlatformJson, ResourcesJson } from "./service.ts";

export interface NodeSpecJson {
  Name?: string;
  Labels: Record<string, string>;
  Role?: "worker" | "manager";
  Availability?: "active" | "pause" | "drain";
}

/** PEM root, and base64 DER of its subject and public key. */
export interface TlsInfoJson {
  TrustRoot?: string;
  CertIssuerSubject?: string;
  CertIssuerPublicKey?: string;
}

/** GET /nodes/{id} */
export interface NodeJson extends ObjectJson {
  Spec: NodeSpecJson;
  Description: {
    Hostname?: string;
    Platform: PlatformJson;
    Resources: ResourcesJson;
    Engine: {
      EngineVersion?: string;
      Labels?: Record<string, string>;
      Plugins?: { Type?: string; Name?: string }[];
    };
    TLSInfo: TlsInfoJson;
  };
  Status: {
    State?: "unknown" | "down" | "ready" | "disconnected";
    Message?: string;
    Addr?: string;
  };
  ManagerStatus?: {
    Leader?: boolean;
    Reachability?: "unknown" | "unreachable" | "reachable";
    Addr?: string;
  };
}
