// Where the nodes and lines of a graph in columns go. Numbers in, numbers out; nothing is drawn here.

export const kNode = { width: 232, height: 52, gap: 16, column: 312, top: 34 };

/**
 * columns: [[{id}, ...], ...]; edges: [{from, to}]. Within a column nodes are put near the middle of those that
 * they are tied to, in a few sweeps to and fro (the barycentre heuristic of Sugiyama, Tagawa and Toda, 1981),
 * so that few lines cross.
 */
export function layout(columns, edges) {
  const order = columns.map((column) => [...column]);
  const near = new Map();
  for (const { from, to } of edges) {
    near.set(from, [...(near.get(from) ?? []), to]);
    near.set(to, [...(near.get(to) ?? []), from]);
  }
  const place = new Map();
  const note = () => order.forEach((column) => column.forEach((node, index) => place.set(node.id, (index + 0.5) / column.length)));
  note();
  for (let sweep = 0; sweep < 4; sweep += 1) {
    const way = order.map((_, index) => index);
    if (sweep % 2 === 1) way.reverse();
    for (const index of way) {
      const middle = new Map(order[index].map((node) => {
        const tied = (near.get(node.id) ?? []).map((id) => place.get(id)).filter((at) => at !== undefined);
        return [node.id, tied.length > 0 ? tied.reduce((sum, at) => sum + at, 0) / tied.length : place.get(node.id)];
      }));
      order[index].sort((a, b) => middle.get(a.id) - middle.get(b.id));
      note();
    }
  }
  const step = kNode.height + kNode.gap;
  const tallest = Math.max(1, ...order.map((column) => column.length));
  const height = kNode.top + tallest * step;
  const at = new Map();
  order.forEach((column, index) => {
    const top = kNode.top + ((tallest - column.length) * step) / 2;
    column.forEach((node, row) => at.set(node.id, { x: index * kNode.column, y: top + row * step, node }));
  });
  return { at, order, width: (columns.length - 1) * kNode.column + kNode.width, height };
}

/** A line from the right side of one node to the left side of another. */
export function curve(from, to) {
  const x1 = from.x + kNode.width;
  const y1 = from.y + kNode.height / 2;
  const x2 = to.x;
  const y2 = to.y + kNode.height / 2;
  const bend = Math.max(30, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/** Everything that can be reached from a node, forth and back, with itself. */
export function reach(id, edges) {
  const found = new Set([id]);
  for (const [start, end] of [['from', 'to'], ['to', 'from']]) {
    const open = [id];
    const seen = new Set([id]);
    while (open.length > 0) {
      const now = open.pop();
      for (const edge of edges) {
        if (edge[start] === now && !seen.has(edge[end])) {
          seen.add(edge[end]);
          found.add(edge[end]);
          open.push(edge[end]);
        }
      }
    }
  }
  return found;
}
