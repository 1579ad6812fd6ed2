// Small helpers: elements, formats, requests. Text always goes in as text.

/** An element with properties, attributes (`attr-x`) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("attr-")) made.setAttribute(key.slice(5), value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Sets the text of an element, if it is another: screen readers and selections are left alone otherwise. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Brings the rows of a table body in line with `items`, and keeps those that are there: focus stays where it is. */
export function rows(body, items, key, cells, empty) {
  const known = new Map([...body.children].map((row) => [row.dataset.key, row]));
  const wanted = items.map((item) => {
    const id = String(key(item));
    const row = known.get(id) ?? el("tr");
    row.dataset.key = id;
    const content = cells(item);
    row.className = content.className ?? "";
    content.cells.forEach((cell, position) => fill(row, position, cell));
    return row;
  });
  if (wanted.length === 0) {
    const columns = body.parentElement.querySelectorAll("thead th").length;
    wanted.push(el("tr", {}, el("td", { className: "empty", colSpan: columns }, empty)));
  }
  if (wanted.length !== body.children.length || wanted.some((row, position) => body.children[position] !== row)) {
    body.replaceChildren(...wanted);
  }
}

/** One cell: `{ text, className, href, head, details }`, or a text. */
function fill(row, position, cell) {
  const { text, className = "", href, head = false, details } = typeof cell === "object" ? cell : { text: cell };
  let place = row.children[position];
  if (!place) {
    place = el(head ? "th" : "td");
    if (head) place.scope = "row";
    row.append(place);
  }
  if (place.className !== className) place.className = className;
  const told = JSON.stringify([text, href, details]);
  if (place.dataset.told === told) return;
  place.dataset.told = told;
  if (details) {
    const open = place.querySelector("details")?.open ?? false;
    place.replaceChildren(el("details", { open }, el("summary", { className: "failure" }, text), el("pre", {}, details)));
  } else if (href) {
    const link = place.querySelector("a");
    if (link) { link.textContent = text; link.href = href; } else place.replaceChildren(el("a", { href }, text));
  } else {
    place.textContent = text;
  }
}

/** Named figures, as a list of definitions. */
export function figures(list, items) {
  items.forEach(([name, value], position) => {
    let place = list.children[position];
    if (!place) {
      place = el("div", {}, el("dt"), el("dd"));
      list.append(place);
    }
    say(place.firstChild, name);
    say(place.lastChild, value);
  });
}

const UNITS = [["days", 86400000], ["hrs", 3600000], ["min", 60000], ["sec", 1000], ["ms", 1]];

/** A duration in milliseconds, in the largest unit of which it is at least one. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "-";
  const [unit, length] = UNITS.find(([, length]) => ms >= length) ?? UNITS[4];
  return `${number(ms / length, ms / length < 100 && !Number.isInteger(ms / length) ? 2 : 0)} ${unit}`;
}

/** How long something has lasted, in words: `2 hours 5 minutes`. */
export function uptime(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const words = [];
  let left = seconds;
  for (const [name, length] of parts) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0) words.push(`${count} ${name}${count === 1 ? "" : "s"}`);
  }
  return words.slice(0, 2).join(" ") || "0 seconds";
}

export function number(value, digits = 0) {
  if (value === null || value === undefined) return "-";
  return value.toLocaleString("en-US", { minimumFractionDigits: 0, maximumFractionDigits: digits });
}

export const rate = (value) => (value === null || value === undefined ? "-" : number(value, value < 10 ? 2 : value < 100 ? 1 : 0));

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${number(value, unit === 0 ? 0 : 1)} ${units[unit]}`;
}

const two = (value, digits = 2) => String(value).padStart(digits, "0");

/** A batch's time here; with milliseconds only where batches come more than once a second. */
export function batchTime(ms, interval, withDate = true) {
  const time = new Date(ms);
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  const fraction = interval < 1000 ? `.${two(time.getMilliseconds(), 3)}` : "";
  const date = withDate ? `${time.getFullYear()}/${two(time.getMonth() + 1)}/${two(time.getDate())} ` : "";
  return `${date}${clock}${fraction}`;
}

/** What a path answers with; an error has the `status` and the server's message. */
export async function ask(path, options) {
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.message ?? response.statusText), { status: response.status });
  return body;
}

/** The path of the application that is here. */
export async function application() {
  const [here] = await ask("/api/v1/applications");
  return { ...here, path: `/api/v1/applications/${encodeURIComponent(here.id)}/streaming` };
}
