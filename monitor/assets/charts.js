// The timelines, each with how its values are distributed beside it. The drawing is uPlot's.
import { el, say } from "/assets/dom.js";
import { batchTime, duration, inUnit, number, unitOf } from "/assets/format.js";

/** More batches than these are not drawn. */
export const DRAWN = 1000;

const BINS = 20;
const HEIGHT = 130;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** What is known of the last batches: pieces of it come and are put in their places. */
export class History {
  constructor() { this.batches = new Map(); }

  /** Takes in a piece; `false` when it has a gap to what is known, or batches before it have ended and that was not seen. */
  take(piece) {
    const first = piece.batchIds[0];
    let last;
    for (const [id, batch] of this.batches) {
      if (first !== undefined && id < first && batch.total === null) return false;
      last = id;
    }
    if (last !== undefined && first !== undefined && first > last) return false;
    piece.batchIds.forEach((id, at) => {
      const sizes = Object.fromEntries(Object.entries(piece.inputSizes).map(([stream, values]) => [stream, values[at]]));
      this.batches.set(id, {
        sizes, scheduling: piece.schedulingDelays[at], processing: piece.processingTimes[at], total: piece.totalDelays[at],
      });
    });
    // A piece may begin before what is known.
    const ids = [...this.batches.keys()];
    if (ids.some((id, at) => at > 0 && id < ids[at - 1])) this.batches = new Map([...this.batches].sort(([one], [other]) => one - other));
    // Of very many that wait, a piece leaves out the newest, and so does what is drawn.
    const end = piece.batchIds[piece.batchIds.length - 1];
    if (piece.batchIds.length >= DRAWN) for (const id of [...this.batches.keys()]) if (id > end) this.batches.delete(id);
    while (this.batches.size > DRAWN) this.batches.delete(this.batches.keys().next().value);
    return true;
  }

  get ids() { return [...this.batches.keys()]; }
  values(of) { return [...this.batches.values()].map(of); }
}

const mean = (values) => {
  const there = values.filter((value) => value !== null && value !== undefined);
  return there.length ? there.reduce((sum, value) => sum + value, 0) / there.length : null;
};

/** What stands at an axis is round, however small it is. */
const round = (value) => number(Number(value.toPrecision(6)), 9);

/** Rates are rates. */
const records = (value) => (value === null || value === undefined ? "-" : `${number(value, 2)} records/sec`);
const RATES = () => ({ describe: records, tick: round });

/** All times of a graph are in one unit: that of its longest. */
export function times(values) {
  const unit = unitOf(Math.max(0, ...values.filter((value) => value !== null && value !== undefined)));
  const [name, length] = unit;
  return { describe: (value) => inUnit(value, unit), tick: (value) => `${round(value / length)} ${name}` };
}

/** One row: its name and figures, the timeline, the distribution. `units` says how its values are written. */
class Row {
  constructor(parent, title, units) {
    this.units = units;
    this.describe = this.tick = String;
    this.standing = "";
    this.title = el("h3", {}, title);
    this.now = el("p", { className: "now" });
    this.note = el("p", { className: "note" });
    this.extra = el("p", { className: "note" });
    this.line = el("div", { className: "plot", "attr-role": "img", "attr-aria-label": title });
    this.bars = el("div", { className: "plot bars", "attr-role": "img", "attr-aria-label": `Distribution of ${title}` });
    this.root = el("div", { className: "chart-row" }, el("div", {}, this.title, this.now, this.note, this.extra), this.line, this.bars);
    parent.append(this.root);
    new ResizeObserver(() => this.resize()).observe(this.line);
  }

  resize() {
    for (const [plot, place] of [[this.linePlot, this.line], [this.barPlot, this.bars]]) {
      if (plot && place.clientWidth > 0 && place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: HEIGHT });
    }
  }

  forget() {
    this.linePlot?.destroy();
    this.barPlot?.destroy();
    this.linePlot = this.barPlot = undefined;
  }

  update(ids, values, limit, interval) {
    const latest = values.findLast((value) => value !== null && value !== undefined) ?? null;
    Object.assign(this, this.units(values));
    say(this.now, this.describe(latest));
    say(this.note, `Avg: ${this.describe(mean(values))}`);
    const name = this.title.textContent;
    this.line.setAttribute("aria-label", `${name} over the last ${ids.length} batches, the latest ${this.describe(latest)}`);
    this.bars.setAttribute("aria-label", `Distribution of ${name.toLowerCase()}`);
    if (!this.linePlot) say(this.extra, this.standing);
    if (this.line.clientWidth === 0) return;
    const seconds = ids.map((id) => id / 1000);
    const lines = limit === undefined ? [seconds, values] : [seconds, values, ids.map(() => limit)];
    const bars = distribution(values);
    if (!this.linePlot) {
      this.linePlot = new uPlot(lineOptions(this, limit, interval), lines, this.line);
      this.barPlot = new uPlot(barOptions(this), bars, this.bars);
    } else {
      this.linePlot.setData(lines);
      this.barPlot.setData(bars);
    }
  }
}

/** How many values lie where, in bins of equal width. */
function distribution(values) {
  const there = values.filter((value) => value !== null && value !== undefined);
  const most = Math.max(...there, 0);
  const width = most > 0 ? most / BINS : 1;
  const counts = new Array(BINS).fill(0);
  for (const value of there) counts[Math.min(BINS - 1, Math.floor(value / width))] += 1;
  return [counts.map((_, bin) => (bin + 0.5) * width), counts];
}

function axis(more = {}) {
  return { stroke: colour("--soft"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid"), width: 1 }, font: "11px system-ui", ...more };
}

/** Pixels that the texts at an axis need beside it. Those of most graphs are as many: one is under the other. */
const room = (_, texts) => Math.max(72, 16 + Math.ceil(6.2 * Math.max(0, ...(texts ?? []).map((text) => text.length))));

const common = (width) => ({ width: Math.max(width, 120), height: HEIGHT, legend: { show: false }, padding: [8, 30, 0, 0] });

function lineOptions(row, limit, interval) {
  const time = (_, splits) => splits.map((split) => batchTime(split * 1000, 1000, false));
  const series = [{}, { stroke: colour("--accent"), fill: colour("--fill"), width: 1.5, points: { show: false } }];
  if (limit !== undefined) series.push({ stroke: colour("--limit"), width: 1.5, dash: [6, 4], points: { show: false } });
  return {
    ...common(row.line.clientWidth),
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1e-9) * 1.05] } },
    series,
    axes: [axis({ values: time, space: 70, size: 28 }), axis({ size: room, values: (_, splits) => splits.map((split) => row.tick(split)), space: 32 })],
    hooks: {
      setCursor: [(plot) => {
        const at = plot.cursor.idx;
        const value = at === null || at === undefined ? undefined : plot.data[1][at];
        say(row.extra, value === undefined || value === null ? row.standing : `${batchTime(plot.data[0][at] * 1000, interval, false)}: ${row.describe(value)}`);
      }],
    },
  };
}

function barOptions(row) {
  return {
    ...common(row.bars.clientWidth),
    cursor: { show: false },
    scales: { x: { time: false, range: (_, low, high) => [0, (high ?? 1) * (1 + 0.5 / BINS)] }, y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1)] } },
    series: [{}, { stroke: colour("--accent"), fill: colour("--fill"), width: 1, points: { show: false }, paths: uPlot.paths.bars({ size: [0.9, 100] }) }],
    axes: [axis({ values: (_, splits) => splits.map((split) => row.tick(split)), space: 60, size: 28 }), axis({ size: 40, space: 32, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], values: (_, splits) => splits.map((split) => number(split)) })],
  };
}

/** All rows. */
export class Charts {
  constructor(parent) {
    this.parent = parent;
    this.input = new Row(parent, "Input Rate", RATES);
    this.streamBox = el("details", { className: "streams" }, el("summary", {}, "Input rate by stream"));
    parent.append(this.streamBox);
    this.streams = new Map();
    this.scheduling = new Row(parent, "Scheduling Delay", times);
    this.processing = new Row(parent, "Processing Time", times);
    this.total = new Row(parent, "Total Delay", times);
    // Lines are drawn in colours of the theme.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    this.streamBox.addEventListener("toggle", () => this.redraw());
  }

  redraw() {
    for (const row of [this.input, this.scheduling, this.processing, this.total, ...this.streams.values()]) row.forget();
    if (this.last) this.update(...this.last);
  }

  update(history, overview) {
    this.last = [history, overview];
    const { statistics, receivers } = overview;
    const ids = history.ids;
    const interval = statistics.batchDuration;
    const seconds = interval / 1000;
    // What is not known yet is not nothing.
    const perSecond = (size) => (size === null || size === undefined ? null : size / seconds);
    const all = (sizes) => (Object.values(sizes).every((size) => size === null) ? null : Object.values(sizes).reduce((sum, size) => sum + (size ?? 0), 0));
    this.input.update(ids, history.values((batch) => perSecond(all(batch.sizes))), undefined, interval);
    this.scheduling.update(ids, history.values((batch) => batch.scheduling), undefined, interval);
    this.processing.standing = `the dashed line is the interval, ${duration(interval)}`;
    this.processing.update(ids, history.values((batch) => batch.processing), interval, interval);
    this.total.update(ids, history.values((batch) => batch.total), undefined, interval);
    this.streamBox.hidden = receivers.length < 2;
    for (const { streamId, streamName } of receivers) {
      if (!this.streams.has(streamId)) this.streams.set(streamId, new Row(this.streamBox, streamName, RATES));
      if (this.streamBox.open) {
        this.streams.get(streamId).update(ids, history.values((batch) => perSecond(batch.sizes[streamId])), undefined, interval);
      }
    }
  }
}
