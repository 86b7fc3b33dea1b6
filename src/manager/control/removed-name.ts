interface Named<Spec> {
  readonly id: string;
  readonly spec: Spec;
}

interface HasAnnotations {
  readonly annotations: { name: string; labels: Record<string, string> } | null;
}

/**
 * The spec of a removed object that still waits for its users to end, under a name nobody else wants: people may use the old name
 * again at once, as with Swarm.
 */
export function freedName<Spec extends HasAnnotations | null>(object: Named<Spec>): Spec {
  const { spec } = object;
  if (spec === null || spec.annotations === null) return spec;
  const name = `${spec.annotations.name}.removed.${object.id}`;
  return { ...spec, annotations: { ...spec.annotations, name } };
}
