// How a page follows an application: it is told by a stream of events, or asks where no stream is to be had.
import { application, ask } from "/assets/dom.js";
import { batchTime } from "/assets/format.js";

/** Milliseconds between two attempts while nobody answers, and between two questions where there is no stream. */
const AGAIN = 2000;

/** So many questions later a page without a stream tries for one again. */
const QUESTIONS = 15;

/** A stream may end, and the next begin, within this; that is no news. */
const BREAK = 2500;

/** A stream tells something every few seconds. One that tells nothing for so long has nobody at its other end. */
const SILENCE = 10000;

/** `how` a page follows: `beginning`, `told`, `asking` or `lost`. */
export class Link {
  /**
   * `found(here)` with the application, before anything else of it and again when it was lost meanwhile; `heard(overview)` with
   * everything that is told of it; `changed()` when `how` has changed, at the time `since`.
   */
  constructor({ found, heard, changed }) {
    Object.assign(this, { found, heard, changed, how: "beginning", since: Date.now() });
  }

  async begin() {
    clearTimeout(this.timer);
    try {
      const found = await application();
      // Another program may be here by now.
      if (this.here && this.here.id !== found.id) return location.reload();
      this.here = found;
      await this.found(found);
    } catch {
      this.is("lost");
      return this.later(() => this.begin(), AGAIN);
    }
    this.listen();
  }

  listen() {
    const source = new EventSource(`${this.here.path}/live`);
    // It is tried over and over: what counts is when it broke.
    let broken = false;
    this.quiet(SILENCE, source);
    source.addEventListener("overview", (event) => {
      broken = false;
      this.last = Date.now();
      this.is("told");
      this.quiet(SILENCE, source);
      this.heard(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      // The browser asks for the next stream by itself, unless the answer was none.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(this.timer);
        this.question(QUESTIONS);
      } else if (!broken) {
        broken = true;
        this.quiet(BREAK, source);
      }
    });
  }

  /** Nothing is heard for so long: nobody is there. */
  quiet(patience, source) {
    this.later(() => {
      source.close();
      this.is("lost");
      this.begin();
    }, patience);
  }

  async question(left) {
    if (left === 0) return this.begin();
    try {
      const overview = await ask(`${this.here.path}/overview`);
      this.last = Date.now();
      this.is("asking");
      this.heard(overview);
    } catch {
      return this.begin();
    }
    this.later(() => this.question(left - 1), AGAIN);
  }

  later(next, milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(next, milliseconds);
  }

  is(how) {
    if (this.how === how) return;
    // Nobody answers since something was heard, not since that is noticed.
    [this.how, this.since] = [how, (how === "lost" ? this.last : undefined) ?? Date.now()];
    this.changed();
  }
}

const BADGES = { STARTING: "", RUNNING: "good", STOPPING: "", STOPPED: "ended" };

/** What a page says of the application, which is in `state` as far as it has told: a badge with its class, and what there is to know. */
export function condition(state, how, since) {
  const badge = [state ?? "CONNECTING", BADGES[state] ?? ""];
  const here = batchTime(since, 1000, false);
  if (how === "lost" && state === "STOPPED") return { badge, message: "The application has stopped, and its page is no longer served. These are its last figures." };
  if (how === "lost") {
    const figures = state ? " The figures are those of then." : "";
    return { badge: ["NO ANSWER", "bad"], message: `There is no answer since ${here}.${figures} The page asks again every ${AGAIN / 1000} seconds.` };
  }
  if (state === "STOPPED") return { badge, message: "The application has stopped. These are its last figures." };
  if (state === "STOPPING") return { badge, message: "The application is being stopped: what it has received is processed first." };
  if (how === "asking") return { badge, message: `This page is not told of changes, since many others are: it asks every ${AGAIN / 1000} seconds.` };
  return { badge, message: "" };
}
