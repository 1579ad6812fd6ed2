// The pages of completed batches. A page is what lies before a batch: it does not shift while further batches are completed.
import { batchTime } from "/assets/format.js";

/** Batches of a page. */
export const PAGE = 20;

export class Pager {
  /** `fetch(before, limit)` asks for batches; `show(batches)` shows those of a page. */
  constructor(fetch, show) {
    Object.assign(this, { fetch, show, cursors: [], rows: [], more: false, turning: false });
  }

  /** Whether the newest batches are shown, which change by themselves. */
  get newest() { return this.cursors.length === 0; }

  /** The newest batches, of so many that are kept. */
  update(batches, retained) {
    if (this.newest && !this.turning) this.put(batches.slice(0, PAGE), retained > PAGE);
  }

  put(batches, more) {
    Object.assign(this, { rows: batches, more });
    this.show(batches);
  }

  older() { return this.turn(() => (this.more ? [...this.cursors, this.rows[this.rows.length - 1].batchId] : this.cursors)); }
  newer() { return this.turn(() => this.cursors.slice(0, -1)); }
  first() { return this.turn(() => []); }

  /** One at a time: who presses quickly turns page after page. */
  async turn(to) {
    if (this.turning) return;
    const cursors = to();
    if (cursors.length === this.cursors.length) return;
    this.turning = true;
    try {
      const found = await this.fetch(cursors[cursors.length - 1], PAGE + 1);
      this.cursors = cursors;
      this.put(found.slice(0, PAGE), found.length > PAGE);
    } finally {
      this.turning = false;
    }
  }

  /** Which batches these are. */
  get place() {
    if (this.newest) return "the newest";
    if (this.rows.length === 0) return "none older is kept";
    const [first, last] = [this.rows[0], this.rows[this.rows.length - 1]];
    const time = ({ batchId, batchDuration }) => batchTime(batchId, batchDuration);
    return `${time(first)} back to ${time(last)}`;
  }
}
