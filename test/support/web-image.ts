import type { TestImageOptions } from "./test-image.ts";

/**
 * Serves its version at / and its container's host name at /host; ends $DRAIN seconds after SIGTERM (0.3 unless told), so that answers
 * under way go out. On a crowded machine one of them may take longer than that.
 */
const script = `mkdir -p /www
echo "$VERSION" > /www/index.html
hostname > /www/host
echo "serving $VERSION"
trap 'sleep "\${DRAIN:-0.3}"; exit 0' TERM
httpd -f -p 80 -h /www &
wait
`;

/** An image with a small web server that is healthy once it answers. */
export function webImage(version: string): TestImageOptions {
  return {
    tag: `skep-web:${version}`,
    cmd: ["/bin/sh", "/web.sh"],
    env: ["PATH=/bin", `VERSION=${version}`],
    files: { "web.sh": script },
    healthcheck: {
      Test: ["CMD-SHELL", "nc -w 1 127.0.0.1 80 </dev/null"],
      Interval: 1_000_000_000,
    },
  };
}

/** An image whose program fails at once. */
export const brokenImage: TestImageOptions = {
  tag: "skep-web:broken",
  cmd: ["/bin/sh", "-c", "echo broken; exit 3"],
};
