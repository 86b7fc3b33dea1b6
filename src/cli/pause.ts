/** Waits; resolves with false when interrupted. */
export function pause(interrupted: AbortSignal, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      interrupted.removeEventListener("abort", done);
      resolve(!interrupted.aborted);
    };
    const timer = setTimeout(done, ms);
    interrupted.addEventListener("abort", done, { once: true });
  });
}
