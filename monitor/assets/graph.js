// The operators as a graph: from input to output, stage by stage.
import { say } from "/assets/dom.js";
import { cut, number, rate } from "/assets/format.js";

const SVG = "http://www.w3.org/2000/svg";
// Two narrow ones stand side by side on a phone.
const WIDE = 168, NARROW = 156, HEIGHT = 74, ALONG = 36, ACROSS = 16, MARGIN = 8, TITLE = 26;

function make(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

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

/** File and line of a place, the end of them where there is no room for all. */
export function line(definedBy, length) {
  const text = definedBy.split(" at ").pop().split("/").pop().replace(/:\d+$/, "");
  return text.length > length ? `…${text.slice(1 - length)}` : text;
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
    const room = this.parent.clientWidth;
    const upright = room < 720;
    // Datasets stand in rows as wide as there is room for.
    const inRow = Math.max(1, Math.floor((room - 2 * MARGIN + ACROSS) / ((upright ? NARROW : WIDE) + ACROSS)));
    const shape = JSON.stringify([upright, inRow, operators.map(({ operatorId, kind, name, inputs }) => [operatorId, kind, name, inputs])]);
    if (shape !== this.shape) {
      this.shape = shape;
      const { scrollLeft, scrollTop } = this.parent;
      this.draw(operators, upright, inRow);
      Object.assign(this.parent, { scrollLeft, scrollTop });
    }
    const stage = stages(operators);
    for (const operator of operators) this.tell(operator, stage.get(operator.operatorId));
  }

  draw(operators, upright, inRow) {
    const width = upright ? NARROW : WIDE;
    // What the user's code makes of datasets comes from whatever that code was given: it stands by itself, below the program.
    const [shown, datasets] = [operators.filter(({ kind }) => kind !== "dataset"), operators.filter(({ kind }) => kind === "dataset")];
    const layer = layers(shown);
    const filled = [];
    const places = new Map();
    for (const { operatorId } of shown) {
      const along = layer.get(operatorId);
      const across = (filled[along] = (filled[along] ?? 0) + 1) - 1;
      const [x, y] = upright ? [across * (width + ACROSS), along * (HEIGHT + ALONG)] : [along * (width + ALONG), across * (HEIGHT + ACROSS)];
      places.set(operatorId, { x: x + MARGIN, y: y + MARGIN });
    }
    const below = shown.length ? Math.max(...[...places.values()].map(({ y }) => y)) + HEIGHT + MARGIN : 0;
    datasets.forEach(({ operatorId }, position) => {
      const [row, column] = [Math.floor(position / inRow), position % inRow];
      places.set(operatorId, { x: MARGIN + column * (width + ACROSS), y: below + TITLE + row * (HEIGHT + ACROSS) });
    });
    const right = Math.max(...[...places.values()].map(({ x }) => x), 0) + width + MARGIN;
    const bottom = Math.max(...[...places.values()].map(({ y }) => y), 0) + HEIGHT + MARGIN;
    const arrow = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, make("path", { d: "M0 0 L8 4 L0 8 Z" }));
    const svg = make("svg", { width: right, height: bottom, viewBox: `0 0 ${right} ${bottom}`, role: "img", "aria-label": `${operators.length} operators` }, make("defs", {}, arrow));
    for (const { operatorId, inputs } of shown) {
      for (const input of inputs.filter((input) => places.has(input))) svg.append(edge(places.get(input), places.get(operatorId), upright, width));
    }
    this.nodes.clear();
    if (datasets.length) svg.append(make("text", { x: MARGIN, y: below + TITLE - 9, class: "soft" }, "On datasets, in the program's own code"));
    for (const operator of operators) {
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
    const before = shuffles ? "shuffle, " : "";
    say(node.stage, before + (operator.kind === "dataset" ? line(operator.definedBy, 25 - before.length) : `stage ${stage}`));
    say(node.title, `${operator.definedBy}: ${number(operator.records)} records`);
  }

  figures(operator) {
    const stream = this.receivers.find((stream) => stream.streamId === operator.streamId);
    if (stream) return `${rate(stream.eventRate)}/s`;
    // Windows and unions hand on what others have computed, outputs what their datasets have.
    if (operator.records === 0) return operator.kind === "output" ? "output" : "no work of its own";
    return `${rate(operator.recordRate)}/s, busy ${share(operator.busyShare)}`;
  }
}

function edge(from, to, upright, width) {
  const [x1, y1] = upright ? [from.x + width / 2, from.y + HEIGHT] : [from.x + width, from.y + HEIGHT / 2];
  const [x2, y2] = upright ? [to.x + width / 2, to.y - 1] : [to.x - 1, to.y + HEIGHT / 2];
  const [cx, cy] = upright ? [0, (y2 - y1) / 2] : [(x2 - x1) / 2, 0];
  return make("path", { d: `M${x1} ${y1} C${x1 + cx} ${y1 + cy} ${x2 - cx} ${y2 - cy} ${x2} ${y2}`, "marker-end": "url(#arrow)" });
}
