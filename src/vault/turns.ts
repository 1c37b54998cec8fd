/** Items that wait, each for a tenant. */
export interface Turns<Item> {
  readonly size: () => number;
  add(tenantId: string, item: Item): void;
  /** Takes out up to so many: one of each tenant in turn, a tenant's own in the order they came. */
  take(most: number): Item[];
  /** Takes out the one whose turn it is, of those that come first of theirs and may go now. */
  next(may: (first: Item) => boolean): Item | undefined;
}

/** A queue in which nobody's flood stands before another tenant's request. */
export function turns<Item>(): Turns<Item> {
  /** In the order of whose turn is next. Never an empty one. */
  const queues = new Map<string, Item[]>();
  let size = 0;

  function takeOf(tenantId: string, queue: Item[], most: number): Item[] {
    queues.delete(tenantId);
    const taken = queue.splice(0, most);
    if (queue.length > 0) queues.set(tenantId, queue);
    size -= taken.length;
    return taken;
  }

  return {
    size: () => size,
    add(tenantId, item) {
      const queue = queues.get(tenantId);
      if (queue === undefined) queues.set(tenantId, [item]);
      else queue.push(item);
      size += 1;
    },
    take(most) {
      const taken: Item[] = [];
      while (taken.length < most && queues.size > 0) {
        // A key that is set again comes last: that is the turn going round.
        for (const [tenantId, queue] of [...queues].slice(0, most - taken.length)) {
          taken.push(...takeOf(tenantId, queue, queues.size === 1 ? most - taken.length : 1));
        }
      }
      return taken;
    },
    next(may) {
      for (const [tenantId, queue] of queues) {
        if (queue[0] !== undefined && may(queue[0])) return takeOf(tenantId, queue, 1)[0];
      }
      return undefined;
    },
  };
}
