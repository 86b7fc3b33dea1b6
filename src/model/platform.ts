const sameArchitecture: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
};

/** One name for an architecture that kernels and images call differently: `x86_64` is `amd64`, `aarch64` is `arm64`. */
export function normalizeArchitecture(architecture: string): string {
  const lower = architecture.toLowerCase();
  return sameArchitecture[lower] ?? lower;
}
