// Small helpers: elements and requests. Text always goes in as text.

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

/** A message, or none. */
export function tell(element, text) {
  say(element, text ?? "");
  element.hidden = !text;
}

/** Brings the rows of a table body in line with `items`, and leaves those that are there in their places: focus stays where it is. */
export function rows(body, items, key, cells, empty) {
  const known = new Map([...body.children].map((row) => [row.dataset.key, row]));
  const wanted = items.map((item) => {
    const id = String(key(item));
    const row = known.get(id) ?? el("tr");
    row.dataset.key = id;
    const content = cells(item);
    if (row.className !== (content.className ?? "")) row.className = content.className ?? "";
    content.cells.forEach((cell, position) => fill(row, position, cell));
    return row;
  });
  if (wanted.length === 0) {
    const columns = body.parentElement.querySelectorAll("thead th").length;
    const [there] = body.children;
    wanted.push(there?.dataset.key === undefined && there ? there : el("tr", {}, el("td", { className: "empty", colSpan: columns })));
    say(wanted[0].firstChild, empty);
  }
  place(body, wanted);
}

/** Makes `wanted` the children of `parent`, and moves as few of those that are there as it can: what is moved loses the focus. */
function place(parent, wanted) {
  const stay = new Set(wanted);
  for (const child of [...parent.children]) if (!stay.has(child)) remove(child);
  let next = parent.firstElementChild;
  for (const child of wanted) {
    // The one with the focus does not move; those before it do.
    while (next && next !== child && child.contains(document.activeElement)) {
      const before = next;
      next = next.nextElementSibling;
      parent.append(before);
    }
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

/** Removes an element. If it has the focus, what it is scrolled in gets it: whoever goes on with the keyboard is not sent to the top. */
function remove(element) {
  const around = element.contains(document.activeElement) ? element.parentElement.closest("[tabindex]") : null;
  element.remove();
  around?.focus({ preventScroll: true });
}

/** One cell: `{ text, className, href, head, details, plain }`, or a text. Details are those of a failure, unless they are plain. */
function fill(row, position, cell) {
  const { text, className = "", href, head = false, details, plain = false } = typeof cell === "object" ? cell : { text: cell };
  let place = row.children[position];
  if (!place) {
    place = el(head ? "th" : "td");
    if (head) place.scope = "row";
    row.append(place);
  }
  if (place.className !== className) place.className = className;
  if (details) {
    const summary = place.querySelector("summary");
    if (summary) {
      say(summary, text);
      say(summary.nextElementSibling, details);
    } else place.replaceChildren(el("details", {}, el("summary", { className: plain ? "" : "failure" }, text), el("pre", {}, details)));
  } else if (href) {
    const link = place.querySelector("a");
    if (!link) return place.replaceChildren(el("a", { href }, text));
    say(link, text);
    if (link.getAttribute("href") !== href) link.setAttribute("href", href);
  } else if (place.firstElementChild || place.textContent !== text) place.textContent = text;
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
