// The operators as a graph: from input to output, stage by stage.
import { number, rate, say } from "/assets/dom.js";

const SVG = "http://www.w3.org/2000/svg";
// Two narrow ones stand side by side on a phone.
const WIDE = 168, NARROW = 156, HEIGHT = 74, ALONG = 36, ACROSS = 16, MARGIN = 8;

function make(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const share = (part) => `${number(part * 100, part < 0.1 ? 1 : 0)} %`;

/** How far each operator is from its inputs. Lines in a loop can refer to later ones; those references are passed over. */
function layers(operators) {
  const layer = new Map();
  for (const operator of operators) {
    const above = operator.inputs.filter((input) => layer.has(input)).map((input) => layer.get(input) + 1);
    layer.set(operator.operatorId, Math.max(0, ...above));
  }
  return layer;
}

/** The stage that each operator's result is computed in: every shuffle begins one. */
export function stages(operators) {
  const stage = new Map();
  for (const operator of operators) {
    const above = operator.inputs.filter((input) => stage.has(input)).map((input) => stage.get(input));
    stage.set(operator.operatorId, Math.max(1, ...above) + (operator.numShuffles > 0 ? 1 : 0));
  }
  return stage;
}

export class Graph {
  constructor(parent) {
    this.parent = parent;
    this.nodes = new Map();
    new ResizeObserver(() => this.operators && this.update(this.operators, this.receivers)).observe(parent);
  }

  /** Shows the operators; an input has the rate of its stream. */
  update(operators, receivers) {
    [this.operators, this.receivers] = [operators, receivers];
    const shown = operators.filter((operator) => operator.kind !== "dataset");
    const upright = this.parent.clientWidth < 720;
    const shape = JSON.stringify([upright, shown.map(({ operatorId, name, inputs }) => [operatorId, name, inputs])]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.draw(shown, upright);
    }
    const stage = stages(shown);
    for (const operator of shown) this.tell(operator, stage.get(operator.operatorId));
  }

  draw(shown, upright) {
    const width = upright ? NARROW : WIDE;
    const layer = layers(shown);
    const filled = [];
    const places = new Map();
    for (const { operatorId } of shown) {
      const along = layer.get(operatorId);
      const across = (filled[along] = (filled[along] ?? 0) + 1) - 1;
      const [x, y] = upright ? [across * (width + ACROSS), along * (HEIGHT + ALONG)] : [along * (width + ALONG), across * (HEIGHT + ACROSS)];
      places.set(operatorId, { x: x + MARGIN, y: y + MARGIN });
    }
    const right = Math.max(...[...places.values()].map(({ x }) => x), 0) + width + MARGIN;
    const bottom = Math.max(...[...places.values()].map(({ y }) => y), 0) + HEIGHT + MARGIN;
    const arrow = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, make("path", { d: "M0 0 L8 4 L0 8 Z" }));
    const svg = make("svg", { width: right, height: bottom, viewBox: `0 0 ${right} ${bottom}`, role: "img", "aria-label": `${shown.length} operators` }, make("defs", {}, arrow));
    for (const { operatorId, inputs } of shown) {
      for (const input of inputs.filter((input) => places.has(input))) svg.append(edge(places.get(input), places.get(operatorId), upright, width));
    }
    this.nodes.clear();
    for (const operator of shown) {
      const { x, y } = places.get(operator.operatorId);
      const busy = make("rect", { class: "busy", x: 1, y: HEIGHT - 7, width: 0, height: 6 });
      const text = (line, kind) => make("text", { x: 10, y: line, class: kind });
      const parts = { busy, name: text(19, "name"), figures: text(38, ""), stage: text(56, "soft"), title: make("title", {}) };
      const group = make("g", { class: "node", transform: `translate(${x} ${y})` }, parts.title, make("rect", { class: "box", width, height: HEIGHT, rx: 6 }), busy, parts.name, parts.figures, parts.stage);
      parts.width = width - 2;
      svg.append(group);
      this.nodes.set(operator.operatorId, { ...parts, group });
    }
    this.parent.replaceChildren(svg);
  }

  tell(operator, stage) {
    const node = this.nodes.get(operator.operatorId);
    const shuffles = operator.numShuffles > 0;
    const several = operator.numOperators > 1 ? ` ×${operator.numOperators}` : "";
    node.group.setAttribute("class", `node ${operator.kind}${shuffles ? " shuffle" : ""}`);
    node.busy.setAttribute("width", Math.round(operator.busyShare * node.width));
    say(node.name, cut(operator.name, 20) + several);
    say(node.figures, this.figures(operator));
    say(node.stage, shuffles ? `shuffle, stage ${stage}` : `stage ${stage}`);
    say(node.title, `${operator.definedBy}: ${number(operator.records)} records`);
  }

  figures(operator) {
    const stream = this.receivers.find((stream) => stream.streamId === operator.streamId);
    if (stream) return `${rate(stream.eventRate)}/s`;
    if (operator.kind === "output") return "output";
    // Windows and unions hand on what others have computed.
    if (operator.records === 0) return "no work of its own";
    return `${rate(operator.recordRate)}/s, busy ${share(operator.busyShare)}`;
  }
}

function edge(from, to, upright, width) {
  const [x1, y1] = upright ? [from.x + width / 2, from.y + HEIGHT] : [from.x + width, from.y + HEIGHT / 2];
  const [x2, y2] = upright ? [to.x + width / 2, to.y - 1] : [to.x - 1, to.y + HEIGHT / 2];
  const [cx, cy] = upright ? [0, (y2 - y1) / 2] : [(x2 - x1) / 2, 0];
  return make("path", { d: `M${x1} ${y1} C${x1 + cx} ${y1 + cy} ${x2 - cx} ${y2 - cy} ${x2} ${y2}`, "marker-end": "url(#arrow)" });
}
